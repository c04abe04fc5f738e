-- one staging model a group, in the order of the codebook
{% set groups = [
    'swv', 'gemeente_beleid', 'gemeente_leerplicht', 'bestuur', 'schoolleider', 'leraar',
    'intern_begeleider', 'swv_ondersteuner', 'ouder', 'leerling', 'ouder_thuiszitter'
] -%}
{%- for group in groups -%}
    select * from {{ ref('stg_survey__' ~ group) }}
    {{ 'union all' if not loop.last }}
{% endfor %}

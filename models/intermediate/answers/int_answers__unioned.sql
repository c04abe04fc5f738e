-- depends on the groups of the codebook: one staging model a group
{%- set groups = [
    'swv', 'gemeente_beleid', 'gemeente_leerplicht', 'bestuur', 'schoolleider', 'leraar',
    'intern_begeleider', 'swv_ondersteuner', 'ouder', 'leerling', 'ouder_thuiszitter'
] %}
{% for group in groups %}
select * from {{ ref('stg_survey__' ~ group) }}
{% if not loop.last %}union all{% endif %}
{%- endfor %}

{# A threshold of seeds/codebook/suppression_rules as scalar subquery. #}
{% macro suppression_threshold(rule) -%}
    (select rules.threshold from {{ ref('suppression_rules') }} as rules where rules.rule = '{{ rule }}')
{%- endmacro %}

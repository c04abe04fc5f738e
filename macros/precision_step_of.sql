{# The row of seeds/codebook/precision_steps for a number of respondents, as condition of a join. #}
{% macro precision_step_of(respondents, steps) -%}
    {{ respondents }} >= {{ steps }}.min_respondents
    and {{ respondents }} <= coalesce({{ steps }}.max_respondents, {{ respondents }})
{%- endmacro %}

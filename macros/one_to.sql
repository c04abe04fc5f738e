{# One row for each whole number from 1 to `last`; none below 1. #}
{% macro one_to(last) -%}
    unnest(range(1, {{ last }} + 1))
{%- endmacro %}

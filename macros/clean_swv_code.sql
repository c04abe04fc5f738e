{# The code of a samenwerkingsverband as the legal division writes it: `po 27.02` becomes `PO2702`. #}
{% macro clean_swv_code(expression) -%}
    upper(replace(replace(replace({{ expression }}, ' ', ''), '.', ''), '-', ''))
{%- endmacro %}

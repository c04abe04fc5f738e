{# A code in one spelling: `po 27.02` is the samenwerkingsverband `PO2702`, `03ak-00` the school `03AK00`. #}
{% macro clean_code(expression) -%}
    upper(replace(replace(replace({{ expression }}, ' ', ''), '.', ''), '-', ''))
{%- endmacro %}

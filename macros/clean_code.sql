{# A code in one spelling, without what people write between its parts: `03ak-00` is the school `03AK00`. #}
{% macro clean_code(expression) -%}
    upper(replace(replace(replace({{ expression }}, ' ', ''), '.', ''), '-', ''))
{%- endmacro %}

{# A delivered number, with decimal point or comma; NULL when it is none. #}
{% macro delivered_number(expression) -%}
    try_cast(replace({{ expression }}, ',', '.') as double)
{%- endmacro %}

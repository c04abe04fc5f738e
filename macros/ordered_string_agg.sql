{# The distinct values of a text column in one text, sorted, so that the result never depends on the order of rows. #}
{% macro ordered_string_agg(expression, delimiter='|') -%}
    {{ return(adapter.dispatch('ordered_string_agg')(expression, delimiter)) }}
{%- endmacro %}

{% macro duckdb__ordered_string_agg(expression, delimiter) -%}
    string_agg(distinct {{ expression }}, '{{ delimiter }}' order by {{ expression }})
{%- endmacro %}

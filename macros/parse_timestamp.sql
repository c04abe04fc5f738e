{# A delivered moment or day as timestamp: ISO 8601, or the Dutch day-month-year; NULL when it is neither. #}
{% macro parse_timestamp(expression) -%}
    {{ return(adapter.dispatch('parse_timestamp')(expression)) }}
{%- endmacro %}

{% macro duckdb__parse_timestamp(expression) -%}
    try_strptime(
        {{ expression }},
        [
            '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M:%S', '%d-%m-%Y %H:%M', '%d-%m-%Y %H:%M:%S',
            '%Y-%m-%dT%H:%M:%S.%f', '%Y-%m-%d %H:%M:%S.%f', '%Y-%m-%d', '%d-%m-%Y'
        ]
    )
{%- endmacro %}

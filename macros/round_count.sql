{# A published count, rounded to the multiple that the suppression rules name. #}
{% macro round_count(expression) -%}
    cast(
        round({{ expression }} * 1e0 / {{ suppression_threshold('count_rounding') }})
        * {{ suppression_threshold('count_rounding') }} as bigint
    )
{%- endmacro %}

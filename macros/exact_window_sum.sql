{# exact_sum over a window: doubles in any order give the same sum. #}
{% macro exact_window_sum(expression, partition_by) -%}
    {{ exact_value(
        'sum(' ~ exact_term(expression, 38, 18) ~ ') over (partition by ' ~ partition_by ~ ')', 18
    ) }}
{%- endmacro %}

{# exact_sum over a window: doubles in any order give the same sum. #}
{% macro exact_window_sum(expression, partition_by) -%}
    cast(sum(cast({{ expression }} as decimal(38, 18))) over (partition by {{ partition_by }}) as double)
{%- endmacro %}

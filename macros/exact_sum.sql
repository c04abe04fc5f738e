{#
    A sum that does not depend on the order of its terms, as double.

    Two threads add doubles in any order, and the last digits differ from run to run; releases must
    be the same to the byte. Twelve decimals hold weights and scores far below their own precision.
#}
{% macro exact_sum(expression) -%}
    cast(sum(cast({{ expression }} as decimal(38, 12))) as double)
{%- endmacro %}

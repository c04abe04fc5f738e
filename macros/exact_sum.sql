{#
    A sum that does not depend on the order of its terms, as double.

    Two threads add doubles in any order, and the last digits differ from run to run; releases must
    be the same to the byte. Twelve decimals hold weights and scores far below their own precision;
    variances, which are small, take 28. Terms below a million fit 18 digits, a machine word; sums of
    sums take 38.
#}
{% macro exact_sum(expression, digits=38, decimals=12) -%}
    cast(sum(cast({{ expression }} as decimal({{ digits }}, {{ decimals }}))) as double)
{%- endmacro %}

{#
    A weight rounded to the decimals that exact_sum keeps, so that weight times score is added
    without rounding: a mean of equal scores is then that score, and a share never passes 1.
#}
{% macro exact(expression) -%}
    cast(cast({{ expression }} as decimal(18, 12)) as double)
{%- endmacro %}

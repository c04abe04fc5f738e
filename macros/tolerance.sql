{# Sums are taken in twelve decimals, so that a mean of fives may come out as 5.000000000001. #}
{% macro tolerance() -%} 1e-9 {%- endmacro %}

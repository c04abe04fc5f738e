{#
    A sum that does not depend on the order of its terms, as double.

    Two threads add doubles in any order, and the last digits differ from run to run; releases must
    be the same to the byte. Terms below a million fit 18 digits, a machine word, with twelve decimals,
    far below the precision of a weight or score. Products of small weights need twenty and sums of
    sums the space of 38 digits; variances, which are small, take 28 decimals. A sum that is added up
    again stays decimal (`is_final=false`).
#}
{% macro exact_sum(expression, digits=38, decimals=none, is_final=true) -%}
    {%- set decimals = decimals or (12 if digits == 18 else 20) -%}
    {%- set sum = 'sum(cast(' ~ expression ~ ' as decimal(' ~ digits ~ ', ' ~ decimals ~ ')))' -%}
    {{ 'cast(' ~ sum ~ ' as double)' if is_final else sum }}
{%- endmacro %}

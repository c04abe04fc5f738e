{#
    A sum that does not depend on the order of its terms, as double.

    Two threads add doubles in any order, and the last digits differ from run to run; releases must
    be the same to the byte. Terms are therefore rounded to a fixed number of decimals and added as
    whole numbers. Terms below a million fit 18 digits, a machine word, with twelve decimals, far
    below the precision of a weight or score. Products of small weights need twenty and sums of sums
    the space of 38 digits; variances, which are small, take 28 decimals.

    A sum that is added up again stays exact: exact_partial_sum, and exact_sum_of_sums over it.
#}
{% macro exact_sum(expression, digits=38, decimals=none) -%}
    {%- set decimals = decimals or (12 if digits == 18 else 20) -%}
    {{ exact_value('sum(' ~ exact_term(expression, digits, decimals) ~ ')', decimals) }}
{%- endmacro %}

{% macro exact_partial_sum(expression) -%}
    sum({{ exact_term(expression, 38, 20) }})
{%- endmacro %}

{% macro exact_sum_of_sums(expression) -%}
    {{ exact_value('sum(' ~ expression ~ ')', 20) }}
{%- endmacro %}

{% macro exact_term(expression, digits, decimals) -%}
    {{ return(adapter.dispatch('exact_term')(expression, digits, decimals)) }}
{%- endmacro %}

{% macro default__exact_term(expression, digits, decimals) -%}
    cast({{ expression }} as decimal({{ digits }}, {{ decimals }}))
{%- endmacro %}

{# DuckDB takes forty times as long to make a double of a decimal of 38 digits as of a whole number. #}
{% macro duckdb__exact_term(expression, digits, decimals) -%}
    cast(({{ expression }}) * 1e{{ decimals }} as {{ 'bigint' if digits == 18 else 'hugeint' }})
{%- endmacro %}

{% macro exact_value(sum, decimals) -%}
    {{ return(adapter.dispatch('exact_value')(sum, decimals)) }}
{%- endmacro %}

{% macro default__exact_value(sum, decimals) -%}
    cast({{ sum }} as double)
{%- endmacro %}

{% macro duckdb__exact_value(sum, decimals) -%}
    (cast({{ sum }} as double) / 1e{{ decimals }})
{%- endmacro %}

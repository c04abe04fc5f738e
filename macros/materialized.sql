{#
    Keyword that makes an engine compute a CTE once. DuckDB otherwise merges a long chain of CTEs,
    and planning takes twice as long with every step.
#}
{% macro materialized() -%}
    {{ return(adapter.dispatch('materialized')()) }}
{%- endmacro %}

{% macro default__materialized() %}{% endmacro %}

{% macro duckdb__materialized() %}materialized {% endmacro %}

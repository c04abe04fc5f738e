{#
    Tables, replaced within one transaction: readers see the old rows until the new ones are there.

    The built-in version makes a table beside the old one and renames both, in some ten statements
    more, for the sake of grants and indexes, which no table here has.
#}
{% materialization table, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- if config.get('indexes') or config.get('grants') %}
        {% do exceptions.raise_compiler_error(
            'macros/table.sql makes no indexes and no grants: take them out of the configuration, or delete '
            ~ 'that macro, and the slower one of dbt-duckdb makes them'
        ) %}
    {%- endif %}
    {{ run_hooks(pre_hooks) }}
    {%- if existing is not none and not existing.is_table %}
        {% do adapter.drop_relation(existing) %}
    {%- endif %}
    {% call statement('main') %}
        {%- if config.get('contract').enforced %}
            {{ get_assert_columns_equivalent(compiled_code) }}
            create or replace table {{ target }} {{ get_table_columns_and_constraints() }};
            insert into {{ target }} {{ get_column_names() }} ({{ get_select_subquery(compiled_code) }});
        {%- else %}
            create or replace table {{ target }} as ({{ compiled_code }});
        {%- endif %}
    {% endcall %}
    {% do persist_docs(target, model) %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

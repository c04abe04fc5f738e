{#
    Comment on a relation and on all columns that the YAML describes, in one statement.

    The built-in version asks the database which columns exist, and comments in two statements more,
    which costs more than the comments; here a description of a column that does not exist fails the
    build instead.
#}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) %}
    {%- set comments -%}
        {%- if for_relation and config.persist_relation_docs() and model.description %}
            comment on {{ relation.type }} {{ relation }} is {{ duckdb_escape_comment(model.description) }};
        {%- endif %}
        {%- if for_columns and config.persist_column_docs() %}
            {%- for name, column in model.columns.items() if column.description %}
                comment on column {{ relation }}.{{ adapter.quote(name) }} is {{ duckdb_escape_comment(column.description) }};
            {%- endfor %}
        {%- endif %}
    {%- endset %}
    {%- if comments | trim %}
        {% call statement('persist_docs') %}{{ comments }}{% endcall %}
    {%- endif %}
{% endmacro %}

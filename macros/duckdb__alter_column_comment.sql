{#
    Comment on all columns that the YAML describes, in one statement.

    The adapter's own version first asks the database which columns exist, which costs more than
    the comments; here a description of a column that does not exist fails the build instead.
#}
{% macro duckdb__alter_column_comment(relation, column_dict) %}
    {% for name, column in column_dict.items() if column.description %}
        comment on column {{ relation }}.{{ adapter.quote(name) }} is {{ duckdb_escape_comment(column.description) }};
    {% endfor %}
{% endmacro %}

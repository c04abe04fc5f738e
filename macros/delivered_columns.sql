{# The delivered columns of a raw table: all but the keys that landing adds. Unit tests override it. #}
{% macro delivered_columns(relation) -%}
    {%- set columns = [] -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- if column.name not in ('delivery_id', 'row_number') -%}
                {%- do columns.append(column.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if not columns -%}
            {{ exceptions.raise_compiler_error(
                relation ~ " has no columns: run `make setup` first, it creates the raw tables."
            ) }}
        {%- endif -%}
    {%- endif -%}
    {{ return(columns) }}
{%- endmacro %}

{#
    Several rules on the columns of one table, in one query: dbt spends more time on starting a test
    than DuckDB on running it. Each row that fails names the column, the rule and the value.

    Arguments:
        key: columns whose combination occurs once.
        not_null: columns that are never empty.
        accepted_values: column → the values that it may have.
        relationships: column → `to` and `field`, where each of its values must occur.
#}
{% test valid_columns(model, key=[], not_null=[], accepted_values={}, relationships={}) %}
{%- set rules = [] -%}
{%- if key -%}
    {%- set rule -%}
        select
            '{{ key | join(", ") }}' as column_name,
            'unique' as rule,
            {% for column in key -%}
                coalesce(cast({{ column }} as {{ dbt.type_string() }}), ''){{ " || '|' || " if not loop.last }}
            {%- endfor %} as value
        from {{ model }}
        group by {{ key | join(', ') }}
        having count(*) > 1
    {%- endset -%}
    {%- do rules.append(rule) -%}
{%- endif -%}
{%- for column in not_null -%}
    {%- set rule -%}
        select
            '{{ column }}' as column_name,
            'not_null' as rule,
            cast(null as {{ dbt.type_string() }}) as value
        from {{ model }}
        where {{ column }} is null
    {%- endset -%}
    {%- do rules.append(rule) -%}
{%- endfor -%}
{%- for column, values in accepted_values.items() -%}
    {%- set rule -%}
        select
            '{{ column }}' as column_name,
            'accepted_values' as rule,
            cast({{ column }} as {{ dbt.type_string() }}) as value
        from {{ model }}
        where {{ column }} not in ('{{ values | join("', '") }}')
    {%- endset -%}
    {%- do rules.append(rule) -%}
{%- endfor -%}
{%- for column, parent in relationships.items() -%}
    {%- set rule -%}
        select
            '{{ column }}' as column_name,
            'relationships' as rule,
            cast({{ column }} as {{ dbt.type_string() }}) as value
        from {{ model }}
        where {{ column }} is not null and {{ column }} not in (select {{ parent.field }} from {{ parent.to }})
    {%- endset -%}
    {%- do rules.append(rule) -%}
{%- endfor -%}
{{ rules | join('\nunion all\n') }}
{% endtest %}

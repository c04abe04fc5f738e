{#
    Columns of a figure, empty where it is withheld, counts rounded: one list for every published table.

    Arguments:
        columns: names of the columns.
        withheld: condition under which they are empty.
        relation: alias of the table that holds them, where the query has several.
#}
{% macro unless_withheld(columns, withheld, relation=none) -%}
{%- set counts = ['n_respondents', 'n_units', 'n_psu', 'effective_n'] -%}
{%- for column in columns -%}
    {%- set shown = relation ~ '.' ~ column if relation else column -%}
    case when not ({{ withheld }}) then {{ round_count(shown) if column in counts else shown }} end as {{ column }}
    {{- ',\n        ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}

{# The statistics of an estimate, as every published table of estimates has them. #}
{% macro statistics_columns() -%}
{{ return([
    'estimate', 'standard_error', 'ci_lower', 'ci_upper', 'ci_method', 'n_respondents', 'n_units', 'n_psu',
    'degrees_of_freedom', 'design_effect', 'effective_n', 'reliability',
]) }}
{%- endmacro %}

{#
    Columns of a figure as they are published, one list for every published table: empty where the
    figure is withheld, counts rounded, and numbers no finer than one respondent.

    Arguments:
        columns: names of the columns.
        withheld: condition under which they are empty.
        relation: alias of the table that holds them, where the query has several.
        shown: column → the expression that is published in its place, on its step.
        respondents: column with the number of respondents; errors need at least min_error_respondents.
        step: the spacing of errors.
#}
{% macro unless_withheld(
    columns, withheld, relation=none, shown={}, respondents='n_respondents', step='rounding_step'
) -%}
{%- set counts = ['n_respondents', 'n_units', 'n_psu'] -%}
{%- set errors = ['standard_error', 'minimum_detectable_change', 'difference_standard_error'] -%}
{%- set of_relation = relation ~ '.' if relation else '' -%}
{%- set has_errors -%}
    {{ of_relation }}{{ respondents }} >= {{ suppression_threshold('min_error_respondents') }}
{%- endset -%}
{%- for column in columns -%}
    {%- set value = of_relation ~ column -%}
    {%- set is_shown = 'not (' ~ withheld ~ ')' -%}
    {%- if column in shown -%}
        {%- set value = shown[column] -%}
    {%- elif column in counts -%}
        {%- set value = round_count(value) -%}
    {%- elif column in errors -%}
        {#- an error that rounds to zero would say that nothing was sampled -#}
        {%- set value = 'case when ' ~ value ~ ' > 0 then greatest(' ~ on_step(value, of_relation ~ step) ~ ', '
            ~ of_relation ~ step ~ ') else ' ~ value ~ ' end' -%}
        {%- set is_shown = is_shown ~ ' and ' ~ has_errors -%}
    {%- elif column == 'design_effect' -%}
        {%- set value = on_step(value, '0.1e0') -%}
        {%- set is_shown = is_shown ~ ' and ' ~ has_errors -%}
    {%- elif column == 'effective_n' -%}
        {%- set value = shown_effective_n(of_relation) -%}
        {%- set is_shown = is_shown ~ ' and ' ~ has_errors -%}
    {%- elif column == 'degrees_of_freedom' -%}
        {%- set value = shown_degrees_of_freedom(of_relation) -%}
        {%- set is_shown = is_shown ~ ' and ' ~ has_errors -%}
    {%- endif -%}
    case when {{ is_shown }} then {{ value }} end as {{ column }}
    {{- ',\n        ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}

{#
    The effective number that follows from the published units and design effect, so that it tells
    nothing more: with all digits it gave the exact number of respondents in a (near) census. Below 30
    a figure is unreliable, and the number stays on its side of that.
#}
{% macro shown_effective_n(of_relation) -%}
{%- set units = round_count(of_relation ~ 'n_units') -%}
{%- set follows = round_count('(' ~ units ~ ' / nullif(' ~ on_step(of_relation ~ 'design_effect', '0.1e0') ~ ', 0e0))') -%}
case
    when {{ of_relation }}effective_n < 30e0 then least({{ follows }}, 25)
    else greatest({{ follows }}, 30)
end
{%- endmacro %}

{#
    Degrees of freedom from the published PSUs, less as many strata as they are short of the exact
    ones: they tell nothing more. Below 8 a figure is for review, and the number stays on its side.
#}
{% macro shown_degrees_of_freedom(of_relation) -%}
{%- set follows -%}
{{ round_count(of_relation ~ 'n_psu') }} - ({{ of_relation }}n_psu - {{ of_relation }}degrees_of_freedom)
{%- endset -%}
{{ on_side_of_eight(follows, of_relation ~ 'degrees_of_freedom') }}
{%- endmacro %}

{# Degrees of freedom that stay below 8, or not, as the exact ones do; at least 1. #}
{% macro on_side_of_eight(shown, exact) -%}
cast(
    case
        -- `greatest` alone would make 8 of nothing
        when {{ shown }} is null or {{ exact }} is null then null
        when {{ exact }} < 1 then 0
        when {{ exact }} < 8 then greatest(least({{ shown }}, 7), 1)
        else greatest({{ shown }}, 8)
    end as bigint
)
{%- endmacro %}

{# The statistics of an estimate, as every published table of estimates has them. #}
{% macro statistics_columns() -%}
{{ return([
    'estimate', 'standard_error', 'ci_lower', 'ci_upper', 'ci_method', 'n_respondents', 'n_units', 'n_psu',
    'degrees_of_freedom', 'design_effect', 'effective_n', 'reliability',
]) }}
{%- endmacro %}

{# Estimate and limits as `on_steps` makes them. #}
{% macro shown_statistics() -%}
{{ return({
    'estimate': 'shown_estimate',
    'ci_lower': 'shown_lower',
    'ci_upper': 'shown_upper',
}) }}
{%- endmacro %}

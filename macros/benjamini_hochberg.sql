{#
    CTEs `ranked` and `adjusted` that add `p_value_adjusted` (Benjamini and Hochberg 1995) to a CTE
    with `p_value`: step-up within each family, over the rows that belong to one. NULL elsewhere.

    Arguments:
        source: the CTE.
        family: columns that make a family.
        is_member: condition under which a row with a p-value belongs to its family.
        tie: columns that order equal p-values, so that ranks do not depend on the order of rows.
#}
{% macro benjamini_hochberg(source, family, is_member, tie) -%}
ranked as (

    select
        *,
        ({{ is_member }}) and p_value is not null as is_in_family,
        row_number() over (
            partition by {{ family }}, ({{ is_member }}) and p_value is not null
            order by p_value, {{ tie }}
        ) as rank_in_family,
        count(*) over (partition by {{ family }}, ({{ is_member }}) and p_value is not null) as family_size
    from {{ source }}

),

adjusted as (

    select
        *,
        case
            when is_in_family
                then least(
                    1e0,
                    min(p_value * family_size / rank_in_family) over (
                        partition by {{ family }}, is_in_family
                        order by rank_in_family desc
                        rows between unbounded preceding and current row
                    )
                )
        end as p_value_adjusted
    from ranked

)
{%- endmacro %}

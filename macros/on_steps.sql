{#
    CTEs that put figures on the step of their number of respondents; the last one is `on_steps`.

    `shown_estimate`, `shown_lower` and `shown_upper` are the numbers as they are published: each on
    the nearest step, or on the next one where the nearest would contradict a flag that was decided
    on all digits. A figure then stays on its side of a threshold of verdicts and sentences, a share of
    0.98 is not everybody, and an interval that is (not) too wide to rely on stays so: the limits move
    outwards, or inwards.

    Arguments:
        source: CTE with estimate, ci_lower, ci_upper, rounding_step, rounding_origin, value_range,
            is_share, and side: -1 or 1 where a threshold asks for the step below or above the
            nearest, 0 elsewhere.
#}
{% macro on_steps(source) -%}
nearest as (

    select
        {{ source }}.*,
        {{ on_step('estimate', 'rounding_step', 'rounding_origin') }} as nearest_estimate,
        {{ on_step('ci_lower', 'rounding_step', 'rounding_origin') }} as nearest_lower,
        {{ on_step('ci_upper', 'rounding_step', 'rounding_origin') }} as nearest_upper
    from {{ source }}

),

sided as (

    select
        *,
        -- only a figure at an end of its scale is published as being there
        case
            when estimate - rounding_origin > 1e-9 and nearest_estimate <= rounding_origin
                then round(rounding_origin + rounding_step, 9)
            when rounding_origin + value_range - estimate > 1e-9 and nearest_estimate >= rounding_origin + value_range
                then round(rounding_origin + value_range - rounding_step, 9)
            else round(nearest_estimate + side * rounding_step, 9)
        end as shown_estimate,
        {{ is_wide('ci_lower', 'ci_upper', 'estimate', 'is_share', 'value_range') }} as is_wide,
        {{ is_wide('nearest_lower', 'nearest_upper', 'nearest_estimate', 'is_share', 'value_range') }}
            as is_wide_on_step
    from nearest

),

on_steps as (

    select
        *,
        least(
            case
                when is_wide and not is_wide_on_step
                    then {{ below_on_step('ci_lower', 'rounding_step', 'rounding_origin') }}
                when is_wide_on_step and not is_wide
                    then {{ above_on_step('ci_lower', 'rounding_step', 'rounding_origin') }}
                else nearest_lower
            end, case when ci_lower is not null then shown_estimate end
        ) as shown_lower,
        greatest(
            case
                when is_wide and not is_wide_on_step
                    then {{ above_on_step('ci_upper', 'rounding_step', 'rounding_origin') }}
                when is_wide_on_step and not is_wide
                    then {{ below_on_step('ci_upper', 'rounding_step', 'rounding_origin') }}
                else nearest_upper
            end, case when ci_upper is not null then shown_estimate end
        ) as shown_upper
    from sided

)
{%- endmacro %}

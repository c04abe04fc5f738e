{#
    CTEs that give estimates their design effect, interval and reliability; the last one is `bounded`.

    Intervals: t for means; logit for shares, as R's svyciprop; at 0 and 1, where neither exists,
    Wilson's with the effective sample of Korn and Graubard (1998), which corrects n for the degrees
    of freedom only. Reliability: the standard of the NCHS for shares (Vital and Health Statistics
    2, 175, 2017); means by the width of the interval relative to that of the scale.

    Arguments:
        source: CTE with estimate, standard_error, mean_square, n_units, degrees_of_freedom, t_df (the
            quantile at these), is_share, is_at_end (a share of 0 or 1), is_census (nothing was left
            to sample), value_range.
#}
{% macro intervals_and_reliability(source) -%}
{%- set z = '1.959963984540054e0' -%}
designed as (

    select
        estimated.*,
        -- against a simple random sample of as many units, drawn with replacement
        case
            when
                not estimated.is_at_end
                and estimated.mean_square - estimated.estimate * estimated.estimate > 1e-12
                then estimated.standard_error * estimated.standard_error * (estimated.n_units - 1e0)
                / (estimated.mean_square - estimated.estimate * estimated.estimate)
        end as design_effect,
        case
            when estimated.is_at_end and not estimated.is_census and estimated.n_units > 1
                then estimated.n_units * power(
                    {{ t_quantile('(estimated.n_units - 1)', 'of_units.t_975') }} / estimated.t_df, 2
                )
        end as n_at_end,
        case
            when estimated.is_share and not estimated.is_at_end
                then ln(estimated.estimate / (1e0 - estimated.estimate))
        end as logit,
        case
            when estimated.is_share and not estimated.is_at_end
                then estimated.t_df * estimated.standard_error / (estimated.estimate * (1e0 - estimated.estimate))
        end as logit_half_width
    from {{ source }} as estimated
    left join {{ ref('t_quantiles') }} as of_units on estimated.n_units - 1 = of_units.degrees_of_freedom

),

intervals as (

    select
        designed.*,
        coalesce(n_units / nullif(design_effect, 0e0), n_at_end) as effective_n,
        case
            when is_at_end and n_at_end is not null then 'wilson'
            when standard_error is null or is_at_end then null
            when is_share then 'logit'
            else 't'
        end as ci_method
    from designed

),

limits as (

    select
        intervals.*,
        case ci_method
            when 'wilson' then case when estimate = 0e0 then 0e0 else n_at_end / (n_at_end + {{ z }} * {{ z }}) end
            when 'logit' then 1e0 / (1e0 + exp(-(logit - logit_half_width)))
            when 't' then estimate - t_df * standard_error
        end as ci_lower,
        case ci_method
            when 'wilson' then case when estimate = 1e0 then 1e0 else {{ z }} * {{ z }} / (n_at_end + {{ z }} * {{ z }}) end
            when 'logit' then 1e0 / (1e0 + exp(-(logit + logit_half_width)))
            when 't' then estimate + t_df * standard_error
        end as ci_upper
    from intervals

),

bounded as (

    select
        limits.*,
        case
            when estimate is null then null
            when is_census and is_at_end then 'review'
            when is_census and ci_upper - ci_lower <= 0.05e0 * value_range then 'reliable'
            when ci_lower is null or coalesce(effective_n, 0e0) < 30e0 then 'unreliable'
            when {{ is_wide('ci_lower', 'ci_upper', 'estimate', 'is_share', 'value_range') }} then 'unreliable'
            when degrees_of_freedom < 8 or is_at_end then 'review'
            else 'reliable'
        end as reliability
    from limits

)
{%- endmacro %}

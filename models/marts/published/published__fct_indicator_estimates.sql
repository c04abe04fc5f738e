-- the estimates of closed waves after disclosure control
with suppressions as (

    select * from {{ ref('published__suppressions') }}
    where kind = 'indicator'

),

-- verdicts and statements are about totals: their figures may not contradict them by being rounded
sides as (

    select
        estimates.estimate_id,
        {{ side_of_thresholds('estimates.estimate', 'estimates.rounding_step', 'estimates.rounding_origin') }} as side
    from {{ ref('fct_indicator_estimates') }} as estimates
    inner join {{ ref('published__thresholds') }} as thresholds
        on
            estimates.indicator_code = thresholds.indicator_code
            and estimates.respondent_group = thresholds.respondent_group
            and estimates.measure = thresholds.measure
    where estimates.breakdown = 'total'
    group by estimates.estimate_id

),

judged as (

    select
        estimates.*,
        estimates.measure <> 'mean' as is_share,
        coalesce(sides.side, 0) as side,
        suppressions.suppression_reason
    from {{ ref('fct_indicator_estimates') }} as estimates
    inner join {{ ref('dim_waves') }} as waves on estimates.wave_id = waves.wave_id
    left join sides on estimates.estimate_id = sides.estimate_id
    left join suppressions
        on
            estimates.wave_id = suppressions.wave_id
            and estimates.indicator_code = suppressions.question
            and estimates.respondent_group = suppressions.respondent_group
            and estimates.breakdown = suppressions.breakdown
            and estimates.breakdown_value = suppressions.breakdown_value
            and estimates.measure = suppressions.measure
    where waves.closed_at is not null

),

{{ on_steps('judged') }},

final as (

    select
        wave_id,
        indicator_code,
        respondent_group,
        breakdown,
        breakdown_value,
        measure,
        estimate_id,
        unit_of_count,
        {{ unless_withheld(
            statistics_columns(), 'suppression_reason is not null', shown=shown_statistics()
        ) }},
        suppression_reason is not null as is_suppressed,
        suppression_reason,
        comparability,
        {{ unless_withheld(
            ['minimum_detectable_change', 'rounding_step'], 'suppression_reason is not null'
        ) }}
    from on_steps

)

select * from final

-- the estimates of closed waves after disclosure control
with suppressions as (

    select * from {{ ref('published__suppressions') }}
    where kind = 'indicator'

),

final as (

    select
        estimates.wave_id,
        estimates.indicator_code,
        estimates.respondent_group,
        estimates.breakdown,
        estimates.breakdown_value,
        estimates.measure,
        estimates.estimate_id,
        estimates.unit_of_count,
        {{ unless_withheld(statistics_columns(), 'suppressions.suppression_reason is not null', 'estimates') }},
        suppressions.suppression_reason is not null as is_suppressed,
        suppressions.suppression_reason,
        estimates.comparability,
        {{ unless_withheld(
            ['minimum_detectable_change'], 'suppressions.suppression_reason is not null', 'estimates'
        ) }}
    from {{ ref('fct_indicator_estimates') }} as estimates
    inner join {{ ref('dim_waves') }} as waves on estimates.wave_id = waves.wave_id
    left join suppressions
        on
            estimates.wave_id = suppressions.wave_id
            and estimates.indicator_code = suppressions.question
            and estimates.respondent_group = suppressions.respondent_group
            and estimates.breakdown = suppressions.breakdown
            and estimates.breakdown_value = suppressions.breakdown_value
            and estimates.measure = suppressions.measure
    where waves.closed_at is not null

)

select * from final

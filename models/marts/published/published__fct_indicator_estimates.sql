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
        case when suppressions.suppression_reason is null then estimates.estimate end as estimate,
        case when suppressions.suppression_reason is null then estimates.standard_error end as standard_error,
        case when suppressions.suppression_reason is null then estimates.ci_lower end as ci_lower,
        case when suppressions.suppression_reason is null then estimates.ci_upper end as ci_upper,
        case when suppressions.suppression_reason is null then estimates.ci_method end as ci_method,
        case when suppressions.suppression_reason is null then {{ round_count('estimates.n_respondents') }} end
            as n_respondents,
        case when suppressions.suppression_reason is null then {{ round_count('estimates.n_units') }} end as n_units,
        case when suppressions.suppression_reason is null then {{ round_count('estimates.n_psu') }} end as n_psu,
        case when suppressions.suppression_reason is null then estimates.degrees_of_freedom end
            as degrees_of_freedom,
        case when suppressions.suppression_reason is null then estimates.design_effect end as design_effect,
        case when suppressions.suppression_reason is null then {{ round_count('estimates.effective_n') }} end
            as effective_n,
        case when suppressions.suppression_reason is null then estimates.reliability end as reliability,
        suppressions.suppression_reason is not null as is_suppressed,
        suppressions.suppression_reason,
        estimates.comparability,
        case when suppressions.suppression_reason is null then estimates.minimum_detectable_change end
            as minimum_detectable_change
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

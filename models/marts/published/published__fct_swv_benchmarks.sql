with suppressions as (

    select * from {{ ref('published__suppressions') }}
    where wave_id = 'pooled' and breakdown = 'swv'

),

final as (

    select
        estimates.swv_code,
        estimates.indicator_code,
        estimates.respondent_group,
        estimates.measure,
        estimates.waves_pooled,
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
        estimates.national_estimate,
        case when suppressions.suppression_reason is null then estimates.difference end as difference,
        case when suppressions.suppression_reason is null then estimates.difference_standard_error end
            as difference_standard_error,
        case when suppressions.suppression_reason is null then estimates.is_significant end as is_significant
    from {{ ref('fct_swv_benchmarks') }} as estimates
    left join suppressions
        on
            estimates.swv_code = suppressions.breakdown_value
            and estimates.indicator_code = suppressions.question
            and estimates.respondent_group = suppressions.respondent_group

)

select * from final

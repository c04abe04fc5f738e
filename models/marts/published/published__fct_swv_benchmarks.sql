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
        {{ unless_withheld(statistics_columns(), 'suppressions.suppression_reason is not null', 'estimates') }},
        suppressions.suppression_reason is not null as is_suppressed,
        suppressions.suppression_reason,
        estimates.national_estimate,
        {{ unless_withheld(
            [
                'difference', 'difference_standard_error', 'difference_ci_lower', 'difference_ci_upper',
                'is_significant'
            ],
            'suppressions.suppression_reason is not null', 'estimates'
        ) }}
    from {{ ref('fct_swv_benchmarks') }} as estimates
    left join suppressions
        on
            estimates.swv_code = suppressions.breakdown_value
            and estimates.indicator_code = suppressions.question
            and estimates.respondent_group = suppressions.respondent_group

)

select * from final

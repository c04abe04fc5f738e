with suppressions as (

    select * from {{ ref('published__suppressions') }}
    where wave_id = 'pooled' and breakdown = 'swv'

),

judged as (

    select
        benchmarks.swv_code,
        benchmarks.indicator_code,
        benchmarks.respondent_group,
        benchmarks.measure,
        benchmarks.waves_pooled,
        benchmarks.estimate,
        benchmarks.standard_error,
        benchmarks.ci_lower,
        benchmarks.ci_upper,
        benchmarks.ci_method,
        benchmarks.n_respondents,
        benchmarks.n_units,
        benchmarks.n_psu,
        benchmarks.degrees_of_freedom,
        benchmarks.design_effect,
        benchmarks.effective_n,
        benchmarks.reliability,
        benchmarks.national_estimate,
        benchmarks.difference,
        benchmarks.difference_standard_error,
        benchmarks.difference_ci_lower,
        benchmarks.difference_ci_upper,
        benchmarks.p_value,
        benchmarks.value_range,
        benchmarks.rounding_origin,
        benchmarks.rounding_step,
        benchmarks.national_rounding_step,
        benchmarks.difference_rounding_step,
        benchmarks.p_value_adjusted is not null as is_tested,
        benchmarks.measure <> 'mean' as is_share,
        0 as side,
        suppressions.suppression_reason
    from {{ ref('fct_swv_benchmarks') }} as benchmarks
    left join suppressions
        on
            benchmarks.swv_code = suppressions.breakdown_value
            and benchmarks.indicator_code = suppressions.question
            and benchmarks.respondent_group = suppressions.respondent_group

),

-- a family holds published tests only, as in the changes
{{ benjamini_hochberg(
    'judged',
    family='indicator_code, respondent_group',
    is_member='is_tested and suppression_reason is null',
    tie='swv_code'
) }},

{{ on_steps('adjusted') }},

tested as (

    select
        *,
        p_value_adjusted < 0.05e0 as is_significant
    from on_steps

),

final as (

    select
        swv_code,
        indicator_code,
        respondent_group,
        measure,
        waves_pooled,
        {{ unless_withheld(
            statistics_columns(), 'suppression_reason is not null', shown=shown_statistics()
        ) }},
        suppression_reason is not null as is_suppressed,
        suppression_reason,
        {{ on_step('national_estimate', 'national_rounding_step', 'rounding_origin') }} as national_estimate,
        {{ unless_withheld(
            [
                'difference', 'difference_standard_error', 'difference_ci_lower', 'difference_ci_upper',
                'is_significant', 'rounding_step', 'difference_rounding_step'
            ],
            'suppression_reason is not null',
            step='difference_rounding_step',
            shown={
                'difference': difference_on_step('difference', 'difference', 'is_significant', 'difference_rounding_step'),
                'difference_ci_lower':
                    difference_on_step('difference_ci_lower', 'difference', 'is_significant', 'difference_rounding_step'),
                'difference_ci_upper':
                    difference_on_step('difference_ci_upper', 'difference', 'is_significant', 'difference_rounding_step'),
            }
        ) }},
        national_rounding_step
    from tested

)

select * from final

-- a change is withheld when either of its two figures is, for the other would give it
with estimates as (

    select * from {{ ref('published__fct_indicator_estimates') }}

),

judged as (

    select
        changes.wave_id,
        changes.indicator_code,
        changes.respondent_group,
        changes.breakdown,
        changes.breakdown_value,
        changes.measure,
        changes.baseline_wave_id,
        changes.change,
        changes.standard_error,
        changes.ci_lower,
        changes.ci_upper,
        changes.degrees_of_freedom,
        changes.p_value,
        changes.comparability,
        changes.least_respondents,
        changes.rounding_step,
        coalesce(own.is_suppressed, false) or coalesce(of_baseline.is_suppressed, false) as is_suppressed,
        -- what follows from published counts, so that it tells nothing more
        own.degrees_of_freedom + of_baseline.degrees_of_freedom
        - {{ round_count('changes.shared_degrees_of_freedom') }} as following_degrees_of_freedom,
        changes.p_value_adjusted is not null as is_tested,
        indicators.direction as better
    from {{ ref('fct_indicator_changes') }} as changes
    inner join {{ ref('dim_waves') }} as waves on changes.wave_id = waves.wave_id and waves.closed_at is not null
    inner join {{ ref('dim_waves') }} as baseline_waves
        on changes.baseline_wave_id = baseline_waves.wave_id and baseline_waves.closed_at is not null
    inner join {{ ref('dim_indicators') }} as indicators on changes.indicator_code = indicators.indicator_code
    left join estimates as own
        on
            changes.wave_id = own.wave_id
            and changes.indicator_code = own.indicator_code
            and changes.respondent_group = own.respondent_group
            and changes.breakdown = own.breakdown
            and changes.breakdown_value = own.breakdown_value
            and changes.measure = own.measure
    left join estimates as of_baseline
        on
            changes.baseline_wave_id = of_baseline.wave_id
            and changes.indicator_code = of_baseline.indicator_code
            and changes.respondent_group = of_baseline.respondent_group
            and changes.breakdown = of_baseline.breakdown
            and changes.breakdown_value = of_baseline.breakdown_value
            and changes.measure = of_baseline.measure

),

-- a family holds published tests only: one that holds others lets readers find their p-values
{{ benjamini_hochberg(
    'judged',
    family='wave_id, baseline_wave_id, respondent_group, breakdown',
    is_member='is_tested and not is_suppressed',
    tie='indicator_code, breakdown_value, measure'
) }},

tested as (

    select
        *,
        p_value_adjusted < 0.05e0 as is_significant
    from adjusted

),

final as (

    select
        wave_id,
        indicator_code,
        respondent_group,
        breakdown,
        breakdown_value,
        measure,
        baseline_wave_id,
        {{ unless_withheld(
            [
                'change', 'standard_error', 'ci_lower', 'ci_upper', 'degrees_of_freedom', 'p_value',
                'p_value_adjusted', 'is_significant', 'direction'
            ],
            'is_suppressed',
            respondents='least_respondents',
            shown={
                'change': difference_on_step('change', 'change', 'is_significant'),
                'ci_lower': difference_on_step('ci_lower', 'change', 'is_significant'),
                'ci_upper': difference_on_step('ci_upper', 'change', 'is_significant'),
                'degrees_of_freedom': on_side_of_eight('following_degrees_of_freedom', 'degrees_of_freedom'),
                'p_value': shown_p_value('p_value'),
                'p_value_adjusted': shown_p_value('p_value_adjusted'),
                'direction': direction_of_change(),
            }
        ) }},
        comparability,
        is_suppressed,
        case when is_suppressed then 'derived' end as suppression_reason,
        {{ unless_withheld(['rounding_step'], 'is_suppressed') }}
    from tested

)

select * from final

-- a gap is withheld when either of its two figures is, for the other would give it
with suppressions as (

    select suppressions.*
    from {{ ref('published__suppressions') }} as suppressions
    inner join {{ ref('dim_indicators') }} as indicators
        on suppressions.question = indicators.indicator_code and suppressions.measure = indicators.headline_measure
    where suppressions.kind = 'indicator'

),

judged as (

    select
        gaps.wave_id,
        gaps.indicator_code,
        gaps.group_a,
        gaps.group_b,
        gaps.breakdown,
        gaps.breakdown_value,
        gaps.gap,
        gaps.standard_error,
        gaps.ci_lower,
        gaps.ci_upper,
        gaps.p_value,
        gaps.p_value_adjusted is not null as is_tested,
        gaps.least_respondents,
        gaps.rounding_step,
        of_a.question is not null or of_b.question is not null as is_suppressed
    from {{ ref('fct_perspective_gaps') }} as gaps
    inner join {{ ref('dim_waves') }} as waves on gaps.wave_id = waves.wave_id and waves.closed_at is not null
    left join suppressions as of_a
        on
            gaps.wave_id = of_a.wave_id
            and gaps.indicator_code = of_a.question
            and gaps.group_a = of_a.respondent_group
            and gaps.breakdown = of_a.breakdown
            and gaps.breakdown_value = of_a.breakdown_value
    left join suppressions as of_b
        on
            gaps.wave_id = of_b.wave_id
            and gaps.indicator_code = of_b.question
            and gaps.group_b = of_b.respondent_group
            and gaps.breakdown = of_b.breakdown
            and gaps.breakdown_value = of_b.breakdown_value

),

-- a family holds published tests only: one that holds others lets readers find their p-values
{{ benjamini_hochberg(
    'judged',
    family='wave_id, group_a, group_b, breakdown',
    is_member='is_tested and not is_suppressed',
    tie='indicator_code, breakdown_value'
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
        group_a,
        group_b,
        breakdown,
        breakdown_value,
        {{ unless_withheld(
            ['gap', 'standard_error', 'ci_lower', 'ci_upper', 'p_value', 'p_value_adjusted', 'is_significant'],
            'is_suppressed',
            respondents='least_respondents',
            shown={
                'gap': difference_on_step('gap', 'gap', 'is_significant'),
                'ci_lower': difference_on_step('ci_lower', 'gap', 'is_significant'),
                'ci_upper': difference_on_step('ci_upper', 'gap', 'is_significant'),
                'p_value': shown_p_value('p_value'),
                'p_value_adjusted': shown_p_value('p_value_adjusted'),
            }
        ) }},
        is_suppressed,
        case when is_suppressed then 'derived' end as suppression_reason,
        {{ unless_withheld(['rounding_step'], 'is_suppressed') }}
    from tested

)

select * from final

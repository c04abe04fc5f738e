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
        gaps.*,
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

final as (

    select
        wave_id,
        indicator_code,
        group_a,
        group_b,
        breakdown,
        breakdown_value,
        {{ unless_withheld(
            [
                'gap',
                'standard_error',
                'ci_lower',
                'ci_upper',
                'p_value',
                'p_value_adjusted',
                'is_significant',
            ], 'is_suppressed'
        ) }},
        is_suppressed,
        case when is_suppressed then 'derived' end as suppression_reason
    from judged

)

select * from final

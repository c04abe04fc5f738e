-- a verdict is withheld when a figure behind it is
with suppressed as (

    select distinct
        suppressions.wave_id,
        indicators.goal_id,
        suppressions.respondent_group
    from {{ ref('published__suppressions') }} as suppressions
    inner join {{ ref('dim_indicators') }} as indicators
        on suppressions.question = indicators.indicator_code and suppressions.measure = indicators.headline_measure
    where suppressions.kind = 'indicator' and suppressions.breakdown = 'total' and indicators.is_headline

),

final as (

    select
        verdicts.wave_id,
        verdicts.goal_id,
        verdicts.respondent_group,
        {{ unless_withheld(['verdict'], 'suppressed.goal_id is not null', 'verdicts') }},
        verdicts.indicators,
        {{ unless_withheld(
            ['indicator_count', 'favourable_count', 'needs_improvement_count'],
            'suppressed.goal_id is not null', 'verdicts'
        ) }},
        suppressed.goal_id is not null as is_suppressed,
        case when suppressed.goal_id is not null then 'derived' end as suppression_reason
    from {{ ref('fct_goal_verdicts') }} as verdicts
    inner join {{ ref('dim_waves') }} as waves on verdicts.wave_id = waves.wave_id
    left join suppressed
        on
            verdicts.wave_id = suppressed.wave_id
            and verdicts.goal_id = suppressed.goal_id
            and verdicts.respondent_group = suppressed.respondent_group
    where waves.closed_at is not null

)

select * from final

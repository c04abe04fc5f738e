-- a score is withheld for its own sake, or because it would tell a withheld figure that it is made of
with of_goals as (

    select
        wave_id,
        cast(question as int) as goal_id,
        respondent_group,
        breakdown,
        breakdown_value,
        suppression_reason
    from {{ ref('published__suppressions') }}
    where kind = 'goal'

),

of_items as (

    select distinct
        suppressions.wave_id,
        indicators.goal_id,
        suppressions.respondent_group,
        suppressions.breakdown,
        suppressions.breakdown_value
    from {{ ref('published__suppressions') }} as suppressions
    inner join {{ ref('dim_indicators') }} as indicators on suppressions.question = indicators.indicator_code
    where
        suppressions.kind = 'indicator'
        and indicators.is_headline
        and suppressions.measure in ('share_endorsed', 'mean')

),

suppressions as (

    select
        scores.wave_id,
        scores.goal_id,
        scores.respondent_group,
        scores.breakdown,
        scores.breakdown_value,
        coalesce(of_goals.suppression_reason, case when of_items.goal_id is not null then 'derived' end)
            as suppression_reason
    from {{ ref('fct_goal_scores') }} as scores
    left join of_goals
        on
            scores.wave_id = of_goals.wave_id
            and scores.goal_id = of_goals.goal_id
            and scores.respondent_group = of_goals.respondent_group
            and scores.breakdown = of_goals.breakdown
            and scores.breakdown_value = of_goals.breakdown_value
    left join of_items
        on
            scores.wave_id = of_items.wave_id
            and scores.goal_id = of_items.goal_id
            and scores.respondent_group = of_items.respondent_group
            and scores.breakdown = of_items.breakdown
            and scores.breakdown_value = of_items.breakdown_value

),

judged as (

    select
        estimates.*,
        false as is_share,
        100 as value_range,
        0 as rounding_origin,
        0 as side,
        suppressions.suppression_reason
    from {{ ref('fct_goal_scores') }} as estimates
    inner join {{ ref('dim_waves') }} as waves on estimates.wave_id = waves.wave_id
    inner join suppressions
        on
            estimates.wave_id = suppressions.wave_id
            and estimates.goal_id = suppressions.goal_id
            and estimates.respondent_group = suppressions.respondent_group
            and estimates.breakdown = suppressions.breakdown
            and estimates.breakdown_value = suppressions.breakdown_value
    where waves.closed_at is not null

),

{{ on_steps('judged') }},

final as (

    select
        wave_id,
        goal_id,
        respondent_group,
        breakdown,
        breakdown_value,
        {{ unless_withheld(
            statistics_columns(), 'suppression_reason is not null', shown=shown_statistics()
        ) }},
        suppression_reason is not null as is_suppressed,
        suppression_reason,
        comparability,
        {{ unless_withheld(['rounding_step'], 'suppression_reason is not null') }}
    from on_steps

)

select * from final

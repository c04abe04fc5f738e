with figures as (

    select
        estimates.wave_id,
        estimates.goal_id,
        estimates.respondent_group,
        estimates.indicator_code,
        case
            when estimates.measure = 'mean' then (estimates.estimate - estimates.min_score) / estimates.value_range
            else estimates.estimate
        end as share,
        estimates.direction
    from {{ ref('int_estimation__estimates') }} as estimates
    where
        estimates.kind = 'indicator'
        and estimates.breakdown = 'total'
        and estimates.is_headline
        and estimates.measure = estimates.headline_measure
        -- a figure that is not reliable decides nothing
        and estimates.reliability <> 'unreliable'

),

-- how favourable a headline figure is: the favourable share, or a mark's place on its scale
favourable as (

    select
        wave_id,
        goal_id,
        respondent_group,
        indicator_code,
        case when direction = 'lower_better' then 1e0 - share else share end as share
    from figures

),

judged as (

    select
        favourable.wave_id,
        favourable.goal_id,
        favourable.respondent_group,
        favourable.indicator_code,
        verdict_thresholds.verdict
    from favourable
    inner join {{ ref('verdict_thresholds') }} as verdict_thresholds
        on
            favourable.share >= verdict_thresholds.range_low
            and (favourable.share < verdict_thresholds.range_high or verdict_thresholds.range_high = 1)

),

final as (

    select
        wave_id,
        goal_id,
        respondent_group,
        case when min(verdict) = max(verdict) then min(verdict) else 'mixed' end as verdict,
        {{ ordered_string_agg('indicator_code') }} as indicators,
        count(*) as indicator_count,
        cast(sum(case when verdict = 'favourable' then 1 else 0 end) as bigint) as favourable_count,
        cast(sum(case when verdict = 'needs_improvement' then 1 else 0 end) as bigint) as needs_improvement_count
    from judged
    group by wave_id, goal_id, respondent_group

)

select * from final

{#
    Where a flag turns: the thresholds of verdicts and of the words of statements, per indicator, group
    and measure, on the scale of the figure. A published figure stays on its side of each.
    `belongs_above` says on which side the threshold itself lies.
#}
{{ config(schema='disclosure') }}
with scaled as (

    select
        indicators.indicator_code,
        indicators.headline_measure,
        indicators.direction,
        scales.min_score,
        scales.max_score - scales.min_score as score_range
    from {{ ref('indicators') }} as indicators
    inner join {{ ref('scales') }} as scales on indicators.scale = scales.scale
    where indicators.is_headline

),

of_verdicts as (

    select
        asked.indicator_code,
        asked.respondent_group,
        scaled.headline_measure as measure,
        case
            when scaled.headline_measure = 'mean' then scaled.min_score + place * scaled.score_range
            else place
        end as threshold,
        scaled.direction = 'higher_better' as belongs_above
    from {{ ref('indicator_groups') }} as asked
    inner join scaled on asked.indicator_code = scaled.indicator_code
    cross join (
        select
            verdict_thresholds.range_low,
            directions.direction,
            case
                when directions.direction = 'lower_better' then 1e0 - verdict_thresholds.range_low
                else verdict_thresholds.range_low
            end as place
        from {{ ref('verdict_thresholds') }} as verdict_thresholds
        cross join (
            select 'higher_better' as direction
            union all
            select 'lower_better' as direction
        ) as directions
    ) as places
    where places.range_low > 0 and places.direction = scaled.direction

),

of_claims as (

    select
        claim_indicators.indicator_code,
        claim_indicators.respondent_group,
        claim_indicators.measure,
        claim_indicators.range_low as threshold,
        not claim_indicators.is_low_exclusive as belongs_above
    from {{ ref('claim_indicators') }} as claim_indicators
    union all
    select
        claim_indicators.indicator_code,
        claim_indicators.respondent_group,
        claim_indicators.measure,
        claim_indicators.range_high as threshold,
        false as belongs_above
    from {{ ref('claim_indicators') }} as claim_indicators

),

of_ladders as (

    select
        claim_indicators.indicator_code,
        claim_indicators.respondent_group,
        claim_indicators.measure,
        case
            when claim_indicators.measure = 'mean' then scaled.min_score + ladder.range_low * scaled.score_range
            else ladder.range_low
        end as threshold,
        false as belongs_above
    from {{ ref('claim_indicators') }} as claim_indicators
    inner join scaled on claim_indicators.indicator_code = scaled.indicator_code
    inner join {{ ref('claim_templates') }} as templates on claim_indicators.claim_id = templates.claim_id
    inner join {{ ref('qualifier_ladder') }} as ladder on templates.family = ladder.family
    where ladder.range_low > 0

),

unioned as (

    select * from of_verdicts
    union all
    select * from of_claims
    union all
    select * from of_ladders

),

final as (

    select
        indicator_code,
        respondent_group,
        measure,
        cast(round(threshold, 9) as double) as threshold,
        belongs_above
    from unioned
    group by indicator_code, respondent_group, measure, cast(round(threshold, 9) as double), belongs_above

)

select * from final

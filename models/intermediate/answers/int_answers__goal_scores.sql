-- a respondent's score on a goal: the mean of its headline items on a scale of 0 to 100
with items as (

    select
        variables.variable_key,
        goals.estimand_key,
        variables.min_score,
        variables.max_score,
        indicators.direction,
        indicators.dont_know_rule
    from {{ ref('int_codebook__variables') }} as variables
    inner join {{ ref('indicators') }} as indicators on variables.indicator_code = indicators.indicator_code
    inner join {{ ref('int_estimation__estimands') }} as goals
        on
            goals.kind = 'goal'
            and variables.wave_id = goals.wave_id
            and variables.respondent_group = goals.respondent_group
            and indicators.goal_id = goals.goal_id
    where variables.role = 'item' and indicators.is_headline

),

scored as (

    select
        answers.respondent_key,
        items.estimand_key,
        case
            -- where not knowing is the finding, it is the unfavourable end
            when answers.missing_reason = 'dont_know' and items.dont_know_rule = 'count_as_negative' then 0e0
            when answers.missing_reason is not null then null
            when items.direction = 'lower_better'
                then 100e0 * (items.max_score - answers.score) / (items.max_score - items.min_score)
            else 100e0 * (answers.score - items.min_score) / (items.max_score - items.min_score)
        end as score
    from {{ ref('int_answers__decoded') }} as answers
    inner join items on answers.variable_key = items.variable_key
    where answers.missing_reason is null or answers.missing_reason not in ('not_routed', 'not_applicable')

),

final as (

    select
        respondent_key,
        estimand_key,
        {{ exact_sum('score') }} / count(score) as score
    from scored
    group by respondent_key, estimand_key
    -- at least half of what was asked
    having count(score) >= 0.5e0 * count(*) and count(score) > 0

)

select * from final

-- sums per question, PSU and set of breakdown values: after this, no model but that of the options
-- reads answers again
with final as (

    select
        answers.estimand_key,
        domain_sets.set_key,
        answers.psu_key,
        count(*) as n_answered,
        sum(case when answers.is_dont_know then 0 else 1 end) as n_substantive,
        {{ exact_sum('answers.weight_answered', digits=18) }} as weight_answered,
        coalesce(
            {{ exact_sum('case when not answers.is_dont_know then answers.weight_substantive end', digits=18) }}, 0e0
        ) as weight_substantive,
        coalesce(
            {{ exact_sum("case
                when not answers.is_endorsed then null
                when answers.is_dont_know_negative then answers.weight_answered
                else answers.weight_substantive
            end", digits=18) }}, 0e0
        ) as endorsed_weight,
        coalesce({{ exact_sum('case when answers.is_dont_know then answers.weight_answered end', digits=18) }}, 0e0)
            as dont_know_weight,
        coalesce({{ exact_sum('answers.weight_substantive * answers.score', digits=18) }}, 0e0) as score_weight,
        coalesce({{ exact_sum('answers.weight_substantive * answers.score * answers.score') }}, 0e0)
            as squared_score_weight
    from {{ ref('int_estimation__answers') }} as answers
    inner join {{ ref('int_respondents__domain_sets') }} as domain_sets
        on answers.respondent_key = domain_sets.respondent_key
    group by answers.estimand_key, domain_sets.set_key, answers.psu_key

)

select * from final

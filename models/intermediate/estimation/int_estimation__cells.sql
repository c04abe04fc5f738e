-- the one scan of the answers: sums per question, breakdown value and PSU
with final as (

    select
        answers.variable_key,
        breakdowns.domain_key,
        answers.psu_id,
        count(*) as n_with_dont_know,
        count(answers.weight_substantive) as n_substantive,
        {{ exact_sum('answers.weight_with_dont_know', digits=18) }} as weight_with_dont_know,
        {{ exact_sum('answers.weight_substantive', digits=18) }} as weight_substantive,
        {{ exact_sum('case when answers.is_endorsed then answers.weight_with_dont_know else 0 end', digits=18) }}
            as endorsed_with_dont_know,
        {{ exact_sum('case when answers.is_endorsed then answers.weight_substantive else 0 end', digits=18) }}
            as endorsed_substantive,
        {{ exact_sum('case when answers.is_dont_know then answers.weight_with_dont_know else 0 end', digits=18) }}
            as dont_know_weight,
        {{ exact_sum('answers.weight_substantive * answers.score', digits=18) }} as weighted_score
    from {{ ref('int_estimation__answers') }} as answers
    inner join {{ ref('int_respondents__breakdowns') }} as breakdowns
        on answers.respondent_key = breakdowns.respondent_key
    group by answers.variable_key, breakdowns.domain_key, answers.psu_id

)

select * from final

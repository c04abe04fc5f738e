-- the weight of each option; distributions exist for the total and the sectors only
with final as (

    select
        answers.variable_key,
        breakdowns.domain_key,
        answers.answer_value,
        {{ exact_sum('answers.weight_substantive', digits=18) }} as option_weight
    from {{ ref('int_estimation__answers') }} as answers
    inner join {{ ref('int_respondents__breakdowns') }} as breakdowns
        on answers.respondent_key = breakdowns.respondent_key
    where breakdowns.breakdown in ('total', 'sector') and not answers.is_dont_know
    group by answers.variable_key, breakdowns.domain_key, answers.answer_value

)

select * from final

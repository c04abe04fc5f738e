with final as (

    select
        answers.wave_id,
        answers.indicator_code,
        answers.respondent_group,
        answers.unit_of_count,
        breakdowns.breakdown,
        breakdowns.breakdown_value,
        answers.answer_value,
        answers.is_dont_know,
        answers.is_endorsed,
        count(*) as n_respondents,
        {{ exact_sum('answers.weight_substantive') }} as weight_substantive,
        {{ exact_sum('answers.weight_with_dont_know') }} as weight_with_dont_know,
        {{ exact_sum('answers.weight_substantive * answers.score') }} as weighted_score
    from {{ ref('int_estimation__answers') }} as answers
    inner join {{ ref('int_respondents__breakdowns') }} as breakdowns
        on answers.respondent_key = breakdowns.respondent_key
    group by
        answers.wave_id, answers.indicator_code, answers.respondent_group, answers.unit_of_count,
        breakdowns.breakdown, breakdowns.breakdown_value,
        answers.answer_value, answers.is_dont_know, answers.is_endorsed

)

select * from final

-- the weight of each chosen option per PSU; distributions exist for the total and the sectors only
with sets as (

    select distinct set_key
    from {{ ref('int_estimation__set_domains') }}
    where breakdown in ('total', 'sector')

),

final as (

    select
        answers.estimand_key,
        domain_sets.set_key,
        answers.psu_key,
        answers.answer_value,
        {{ exact_sum('answers.weight_substantive', digits=18) }} as option_weight
    from {{ ref('int_estimation__answers') }} as answers
    inner join {{ ref('int_respondents__domain_sets') }} as domain_sets
        on answers.respondent_key = domain_sets.respondent_key
    inner join sets on domain_sets.set_key = sets.set_key
    where answers.answer_value is not null
    group by answers.estimand_key, domain_sets.set_key, answers.psu_key, answers.answer_value

)

select * from final

-- answers that enter a denominator (substantive ones and don't know) with the weight they carry
-- (two CTEs rather than one that is read twice, which an engine would keep in memory as a whole)
with
{% for name, operator in {'answers_of_respondents': '=', 'answers_in_units': '<>'}.items() -%}
    {{ name }} as (

        select
            decoded.respondent_key,
            decoded.variable_key as estimand_key,
            decoded.answer_value,
            decoded.score,
            decoded.is_endorsed,
            decoded.missing_reason is not null as is_dont_know,
            estimands.unit_of_count,
            estimands.is_dont_know_negative
        from {{ ref('int_answers__decoded') }} as decoded
        inner join {{ ref('int_estimation__estimands') }} as estimands
            on decoded.variable_key = estimands.estimand_key
        where
            (decoded.missing_reason is null or decoded.missing_reason = 'dont_know')
            and estimands.kind = 'indicator'
            and estimands.unit_of_count {{ operator }} 'respondent'

    ),

{% endfor -%}
counted_as_respondents as (

    select
        answers.respondent_key,
        answers.estimand_key,
        units.psu_key,
        answers.answer_value,
        answers.score,
        answers.is_endorsed,
        answers.is_dont_know,
        answers.is_dont_know_negative,
        units.unit_weight as weight_substantive,
        units.unit_weight as weight_answered
    from answers_of_respondents as answers
    inner join {{ ref('int_respondents__units') }} as units
        on answers.respondent_key = units.respondent_key
    where units.unit_of_count = 'respondent'

),

-- the unit's weight is shared by its respondents, so that a unit's value is their mean
counted_in_units as (

    select
        answers.respondent_key,
        answers.estimand_key,
        units.psu_key,
        answers.answer_value,
        answers.score,
        answers.is_endorsed,
        answers.is_dont_know,
        answers.is_dont_know_negative,
        {{ exact(
            'units.unit_weight / nullif(sum(case when answers.is_dont_know then 0 else 1 end) over unit_answers, 0)'
        ) }} as weight_substantive,
        {{ exact('units.unit_weight / count(*) over unit_answers') }} as weight_answered
    from answers_in_units as answers
    inner join {{ ref('int_respondents__units') }} as units
        on
            answers.respondent_key = units.respondent_key
            and answers.unit_of_count = units.unit_of_count
    window unit_answers as (partition by answers.estimand_key, units.unit_id)

),

goal_scores as (

    select
        goal_scores.respondent_key,
        goal_scores.estimand_key,
        units.psu_key,
        cast(null as {{ dbt.type_string() }}) as answer_value,
        goal_scores.score,
        false as is_endorsed,
        false as is_dont_know,
        false as is_dont_know_negative,
        units.unit_weight as weight_substantive,
        units.unit_weight as weight_answered
    from {{ ref('int_answers__goal_scores') }} as goal_scores
    inner join {{ ref('int_respondents__units') }} as units
        on goal_scores.respondent_key = units.respondent_key and units.unit_of_count = 'respondent'

),

final as (

    select * from counted_as_respondents
    union all
    select * from counted_in_units
    union all
    select * from goal_scores

)

select * from final

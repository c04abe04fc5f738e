-- answers that enter a denominator: substantive ones, and don't know
with answers as (

    select
        decoded.respondent_key,
        decoded.variable_key,
        decoded.answer_value,
        decoded.score,
        decoded.is_endorsed,
        decoded.missing_reason is not null as is_dont_know,
        variables.unit_of_count
    from {{ ref('int_answers__decoded') }} as decoded
    inner join {{ ref('int_codebook__variables') }} as variables
        on decoded.variable_key = variables.variable_key
    where decoded.missing_reason is null or decoded.missing_reason = 'dont_know'

),

with_units as (

    select
        answers.respondent_key,
        answers.variable_key,
        units.unit_id,
        units.psu_id,
        answers.answer_value,
        answers.is_dont_know,
        answers.is_endorsed,
        answers.score,
        units.unit_weight,
        sum(case when answers.is_dont_know then 0 else 1 end) over unit_answers as n_substantive_in_unit,
        count(*) over unit_answers as n_in_unit
    from answers
    inner join {{ ref('int_respondents__units') }} as units
        on
            answers.respondent_key = units.respondent_key
            and answers.unit_of_count = units.unit_of_count
    window unit_answers as (partition by answers.variable_key, units.unit_id)

),

-- the unit's weight is shared by its respondents, so that a unit's value is their mean
final as (

    select
        respondent_key,
        variable_key,
        unit_id,
        psu_id,
        answer_value,
        is_dont_know,
        is_endorsed,
        score,
        case when not is_dont_know then {{ exact('unit_weight / n_substantive_in_unit') }} end as weight_substantive,
        {{ exact('unit_weight / n_in_unit') }} as weight_with_dont_know
    from with_units

)

select * from final

with answers as (

    select
        decoded.respondent_key,
        decoded.wave_id,
        decoded.respondent_group,
        items.indicator_code,
        decoded.answer_value,
        decoded.score,
        coalesce(decoded.missing_reason, '') = 'dont_know' as is_dont_know,
        case scales.kind
            -- marks: endorsed from the lowest endorsed code up, so that 7,5 counts too
            when 'numeric' then decoded.score >= cast(split_part(indicators.endorsed_codes, '|', 1) as double)
            else {{ contains_code('indicators.endorsed_codes', 'decoded.answer_value') }}
        end as is_endorsed
    from {{ ref('int_answers__decoded') }} as decoded
    inner join {{ ref('items') }} as items on decoded.item_code = items.item_code
    inner join {{ ref('indicators') }} as indicators on items.indicator_code = indicators.indicator_code
    inner join {{ ref('scales') }} as scales on indicators.scale = scales.scale
    where decoded.role = 'item' and (decoded.missing_reason is null or decoded.missing_reason = 'dont_know')

),

-- the unit's weight is shared by its respondents, so that a unit's value is their mean
final as (

    select
        answers.respondent_key,
        answers.wave_id,
        answers.respondent_group,
        answers.indicator_code,
        units.unit_of_count,
        units.unit_id,
        answers.answer_value,
        answers.is_dont_know,
        coalesce(answers.is_endorsed, false) as is_endorsed,
        answers.score,
        case
            when not answers.is_dont_know
                then units.unit_weight / sum(case when answers.is_dont_know then 0 else 1 end) over unit_answers
        end as weight_substantive,
        units.unit_weight / count(*) over unit_answers as weight_with_dont_know
    from answers
    inner join {{ ref('indicator_groups') }} as indicator_groups
        on
            answers.indicator_code = indicator_groups.indicator_code
            and answers.respondent_group = indicator_groups.respondent_group
    inner join {{ ref('int_respondents__units') }} as units
        on
            answers.respondent_key = units.respondent_key
            and indicator_groups.unit_of_count = units.unit_of_count
    window unit_answers as (
        partition by answers.wave_id, answers.respondent_group, answers.indicator_code, units.unit_id
    )

)

select * from final

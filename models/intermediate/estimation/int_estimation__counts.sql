-- how many units, PSUs and schools stand behind a figure: with and without those who do not know
with answers as (

    select
        answers.wave_id,
        answers.indicator_code,
        answers.respondent_group,
        answers.unit_id,
        answers.is_dont_know,
        breakdowns.breakdown,
        breakdowns.breakdown_value,
        respondents.psu_id,
        respondents.school_code
    from {{ ref('int_estimation__answers') }} as answers
    inner join {{ ref('int_respondents__weighted') }} as respondents
        on answers.respondent_key = respondents.respondent_key
    inner join {{ ref('int_respondents__breakdowns') }} as breakdowns
        on answers.respondent_key = breakdowns.respondent_key

),

final as (

    select
        wave_id,
        indicator_code,
        respondent_group,
        breakdown,
        breakdown_value,
        count(*) filter (where not is_dont_know) as n_respondents_substantive,
        count(*) as n_respondents_with_dont_know,
        count(distinct unit_id) filter (where not is_dont_know) as n_units_substantive,
        count(distinct unit_id) as n_units_with_dont_know,
        count(distinct psu_id) filter (where not is_dont_know) as n_psu_substantive,
        count(distinct psu_id) as n_psu_with_dont_know,
        count(distinct school_code) filter (where not is_dont_know) as n_schools_substantive,
        count(distinct school_code) as n_schools_with_dont_know
    from answers
    group by wave_id, indicator_code, respondent_group, breakdown, breakdown_value

)

select * from final

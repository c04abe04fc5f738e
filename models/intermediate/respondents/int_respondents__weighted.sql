with respondents as (

    select * from {{ ref('int_respondents__deduplicated') }}
    where is_kept

),

populations as (

    select * from {{ ref('populations') }}
    where unit_of_count = 'respondent'

),

expanded as (

    select
        respondents.*,
        populations.population_units * 1e0
        / count(*) over (partition by respondents.wave_id, respondents.respondent_group, respondents.stratum)
            as expansion_factor
    from respondents
    -- left: a stratum without a population gives an empty weight, and a test that names it
    left join populations
        on
            respondents.wave_id = populations.wave_id
            and respondents.respondent_group = populations.respondent_group
            and respondents.stratum = populations.stratum

),

totals as (

    select
        wave_id,
        respondent_group,
        {{ exact_sum('expansion_factor') }} / count(*) as mean_expansion_factor
    from expanded
    group by wave_id, respondent_group

),

final as (

    select
        expanded.*,
        expanded.expansion_factor / totals.mean_expansion_factor as weight
    from expanded
    inner join totals
        on expanded.wave_id = totals.wave_id and expanded.respondent_group = totals.respondent_group

)

select * from final

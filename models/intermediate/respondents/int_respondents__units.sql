-- a respondent counts as itself, or as part of its school or samenwerkingsverband
with respondents as (

    select * from {{ ref('int_respondents__weighted') }}

),

units_asked as (

    select distinct
        respondent_group,
        unit_of_count
    from {{ ref('indicator_groups') }}

),

members as (

    select
        respondents.respondent_key,
        respondents.wave_id,
        respondents.respondent_group,
        respondents.stratum,
        respondents.weight,
        respondents.psu_id,
        units_asked.unit_of_count,
        coalesce(
            case units_asked.unit_of_count
                when 'school' then respondents.school_code
                when 'samenwerkingsverband' then respondents.swv_code
            end,
            cast(respondents.respondent_key as {{ dbt.type_string() }})
        ) as unit_id
    from respondents
    inner join units_asked on respondents.respondent_group = units_asked.respondent_group

),

-- respondents of one unit may disagree on its stratum: the first in the alphabet counts
units as (

    select
        wave_id,
        respondent_group,
        unit_of_count,
        unit_id,
        min(stratum) as stratum
    from members
    where unit_of_count <> 'respondent'
    group by wave_id, respondent_group, unit_of_count, unit_id

),

expanded as (

    select
        units.*,
        populations.population_units * 1e0
        / count(*) over (
            partition by units.wave_id, units.respondent_group, units.unit_of_count, units.stratum
        ) as expansion_factor
    from units
    left join {{ ref('populations') }} as populations
        on
            units.wave_id = populations.wave_id
            and units.respondent_group = populations.respondent_group
            and units.unit_of_count = populations.unit_of_count
            and units.stratum = populations.stratum

),

totals as (

    select
        wave_id,
        respondent_group,
        unit_of_count,
        {{ exact_sum('expansion_factor') }} / count(*) as mean_expansion_factor
    from expanded
    group by wave_id, respondent_group, unit_of_count

),

final as (

    select
        members.respondent_key,
        members.wave_id,
        members.respondent_group,
        members.unit_of_count,
        members.unit_id,
        members.psu_id,
        case
            when members.unit_of_count = 'respondent' then members.weight
            else expanded.expansion_factor / totals.mean_expansion_factor
        end as unit_weight
    from members
    left join expanded
        on
            members.wave_id = expanded.wave_id
            and members.respondent_group = expanded.respondent_group
            and members.unit_of_count = expanded.unit_of_count
            and members.unit_id = expanded.unit_id
    left join totals
        on
            members.wave_id = totals.wave_id
            and members.respondent_group = totals.respondent_group
            and members.unit_of_count = totals.unit_of_count

)

select * from final

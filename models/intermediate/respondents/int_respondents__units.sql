-- a respondent counts as itself, or as part of its school or samenwerkingsverband
with respondents as (

    select * from {{ ref('int_respondents__weighted') }}

),

units_asked as (

    select
        respondent_group,
        unit_of_count
    from {{ ref('indicator_groups') }}
    union distinct
    -- goal scores are of respondents, whatever the items count
    select
        respondent_group,
        'respondent' as unit_of_count
    from {{ ref('respondent_groups') }}

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

scaled as (

    select
        *,
        expansion_factor / (
            {{ exact_window_sum('expansion_factor', 'wave_id, respondent_group, unit_of_count') }}
            / count(*) over (partition by wave_id, respondent_group, unit_of_count)
        ) as weight
    from expanded

),

joined as (

    select
        members.respondent_key,
        members.wave_id,
        members.respondent_group,
        members.unit_of_count,
        members.unit_id,
        members.psu_id,
        coalesce(scaled.stratum, members.stratum) as stratum,
        case
            when members.unit_of_count = 'respondent' then members.weight
            else scaled.weight
        end as unit_weight
    from members
    left join scaled
        on
            members.wave_id = scaled.wave_id
            and members.respondent_group = scaled.respondent_group
            and members.unit_of_count = scaled.unit_of_count
            and members.unit_id = scaled.unit_id

),

final as (

    select
        respondent_key,
        -- short keys for the large join with the answers
        cast(dense_rank() over (order by wave_id, respondent_group, unit_of_count, stratum) as int) as stratum_key,
        cast(dense_rank() over (order by wave_id, respondent_group, unit_of_count, stratum, psu_id) as int)
            as psu_key,
        wave_id,
        respondent_group,
        unit_of_count,
        unit_id,
        stratum,
        psu_id,
        {{ exact('unit_weight') }} as unit_weight
    from joined

)

select * from final

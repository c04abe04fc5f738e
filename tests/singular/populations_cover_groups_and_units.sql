-- What: each wave, group and unit of count that is asked has a population.
-- When it matters: without one its respondents cannot be weighted and have no response rate.
-- How to resolve: add rows to seeds/codebook/populations.csv, with source, or marked as assumed.
{{ config(meta={'dagster': {'ref': {'name': 'populations'}}}) }}

with needed as (

    select distinct
        waves.wave_id,
        indicator_groups.respondent_group,
        units.unit_of_count
    from {{ ref('indicator_groups') }} as indicator_groups
    inner join {{ ref('waves') }} as waves
        on
            indicator_groups.first_measurement <= waves.measurement_number
            and coalesce(indicator_groups.last_measurement, waves.measurement_number) >= waves.measurement_number
    inner join (
        select 'respondent' as unit_of_count
        union all
        select 'school' as unit_of_count
        union all
        select 'samenwerkingsverband' as unit_of_count
    ) as units on units.unit_of_count in (indicator_groups.unit_of_count, 'respondent')

)

select needed.*
from needed
left join {{ ref('populations') }} as populations
    on
        needed.wave_id = populations.wave_id
        and needed.respondent_group = populations.respondent_group
        and needed.unit_of_count = populations.unit_of_count
where populations.wave_id is null

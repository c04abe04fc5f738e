-- What: every stratum in which somebody is counted has a population, and that is not smaller than the sample.
-- When it matters: without it the respondents have no weight, or one below the unit that they stand for; with more
-- PSUs than the population holds, the finite population correction is negative.
-- How to resolve: correct populations.csv (or population_margins.csv), or the stratum in the delivery.
{{ config(meta={'dagster': {'ref': {'name': 'populations'}}}) }}

with samples as (

    select
        units.wave_id,
        units.respondent_group,
        units.unit_of_count,
        units.stratum,
        count(distinct units.unit_id) as sample_units,
        count(distinct units.psu_id) as sample_psus
    from {{ ref('int_respondents__units') }} as units
    group by units.wave_id, units.respondent_group, units.unit_of_count, units.stratum

),

compared as (

    select
        samples.*,
        populations.population_units,
        populations.population_psus,
        case
            when populations.population_units is null then 'no population for this stratum'
            when populations.population_units < samples.sample_units then 'fewer units in the population than in the sample'
            when populations.population_psus < samples.sample_psus then 'fewer PSUs in the population than in the sample'
        end as problem
    from samples
    left join {{ ref('populations') }} as populations
        on
            samples.wave_id = populations.wave_id
            and samples.respondent_group = populations.respondent_group
            and samples.unit_of_count = populations.unit_of_count
            and samples.stratum = populations.stratum

)

select * from compared
where problem is not null

-- What: every stratum in which somebody is counted has a population, and that is not smaller than the sample.
-- When it matters: without it the respondents have no weight, or one below the unit that they stand for; with more
-- PSUs than the population holds, the finite population correction is negative.
-- How to resolve: correct populations.csv (or population_margins.csv), or the stratum in the delivery.
{{ config(meta={'dagster': {'ref': {'name': 'populations'}}}) }}

with units_asked as (

    select
        respondent_group,
        unit_of_count
    from {{ ref('indicator_groups') }}
    union distinct
    select
        respondent_group,
        'respondent' as unit_of_count
    from {{ ref('respondent_groups') }}

),

-- before the weights, which would be empty
samples as (

    select
        respondents.wave_id,
        respondents.respondent_group,
        units_asked.unit_of_count,
        respondents.stratum,
        count(
            distinct case units_asked.unit_of_count
                when 'school' then respondents.school_code
                when 'samenwerkingsverband' then respondents.swv_code
                else cast(respondents.respondent_key as {{ dbt.type_string() }})
            end
        ) as sample_units,
        count(distinct respondents.psu_id) as sample_psus
    from {{ ref('int_respondents__deduplicated') }} as respondents
    inner join units_asked on respondents.respondent_group = units_asked.respondent_group
    where respondents.is_kept
    group by
        respondents.wave_id, respondents.respondent_group, units_asked.unit_of_count, respondents.stratum

),

compared as (

    select
        samples.*,
        populations.population_units,
        populations.population_psus,
        case
            when populations.population_units is null then 'no population for this stratum'
            when populations.population_units < samples.sample_units
                then 'fewer units in the population than in the sample'
            when populations.population_psus < samples.sample_psus
                then 'fewer PSUs in the population than in the sample'
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

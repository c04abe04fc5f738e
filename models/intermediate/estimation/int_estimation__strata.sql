-- the full design: PSUs in the sample and in the population of each stratum
with psus as (

    select
        stratum_key,
        wave_id,
        respondent_group,
        unit_of_count,
        stratum,
        count(distinct psu_key) as n_psu
    from {{ ref('int_respondents__units') }}
    group by stratum_key, wave_id, respondent_group, unit_of_count, stratum

),

final as (

    select
        psus.stratum_key,
        psus.wave_id,
        psus.respondent_group,
        psus.unit_of_count,
        psus.stratum,
        psus.n_psu,
        populations.population_psus
    from psus
    left join {{ ref('populations') }} as populations
        on
            psus.wave_id = populations.wave_id
            and psus.respondent_group = populations.respondent_group
            and psus.unit_of_count = populations.unit_of_count
            and psus.stratum = populations.stratum

)

select * from final

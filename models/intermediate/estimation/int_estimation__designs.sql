{#
    PSUs and sampling fraction per stratum, for each question and measure. Groups that are asked
    (nearly) all count the PSUs that answered the question, else a full stratum in which not
    everybody answered would get an error of zero; samples keep their full design.
#}
with answered as (

    select
        estimand_key,
        stratum_key,
        measure,
        n_psu
    from {{ ref('int_estimation__moments') }}
    where domain_key in (
        select set_domains.domain_key
        from {{ ref('int_estimation__set_domains') }} as set_domains
        where set_domains.breakdown = 'total'
    )

),

counted as (

    select
        answered.estimand_key,
        answered.stratum_key,
        answered.measure,
        strata.stratum,
        strata.population_psus,
        case when estimands.is_near_census then answered.n_psu else strata.n_psu end as n_psu
    from answered
    inner join {{ ref('int_estimation__estimands') }} as estimands on answered.estimand_key = estimands.estimand_key
    inner join {{ ref('int_estimation__strata') }} as strata on answered.stratum_key = strata.stratum_key

),

final as (

    select
        estimand_key,
        stratum_key,
        measure,
        stratum,
        n_psu,
        population_psus,
        -- an unknown population is taken as without end
        coalesce(n_psu * 1e0 / population_psus, 0e0) as sampling_fraction
    from counted

)

select * from final

with populations as (

    select * from {{ ref('populations') }}
    where unit_of_count = 'respondent'

),

responses as (

    select
        wave_id,
        respondent_group,
        stratum,
        count(*) as responded,
        sum(case when is_complete then 1 else 0 end) as complete,
        {{ exact_sum('weight') }} as total_weight
    from {{ ref('int_respondents__weighted') }}
    group by wave_id, respondent_group, stratum

),

-- a wave and group without any delivery has no rate; a stratum without any answer has rate 0
delivered as (

    select distinct
        wave_id,
        respondent_group
    from responses

),

final as (

    select
        populations.wave_id,
        populations.respondent_group,
        populations.stratum,
        populations.population_units,
        cast(coalesce(responses.responded, 0) as bigint) as responded,
        cast(coalesce(responses.complete, 0) as bigint) as complete,
        coalesce(responses.responded, 0) * 1e0 / populations.population_units as response_rate,
        responses.total_weight / responses.responded as mean_weight,
        respondent_groups.weighting
        || coalesce(
            ', weights above ' || cast(weight_trims.maximum_weight as {{ dbt.type_string() }}) || ' cut: '
            || weight_trims.reason, ''
        ) as weighting
    from populations
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on populations.respondent_group = respondent_groups.respondent_group
    left join {{ ref('weight_trims') }} as weight_trims
        on
            populations.wave_id = weight_trims.wave_id
            and populations.respondent_group = weight_trims.respondent_group
    inner join delivered
        on
            populations.wave_id = delivered.wave_id
            and populations.respondent_group = delivered.respondent_group
    left join responses
        on
            populations.wave_id = responses.wave_id
            and populations.respondent_group = responses.respondent_group
            and populations.stratum = responses.stratum

)

select * from final

with respondents as (

    select * from {{ ref('int_respondents__deduplicated') }}
    where is_kept

),

populations as (

    select * from {{ ref('populations') }}
    where unit_of_count = 'respondent'

),

-- left joins: a stratum without a population gives an empty weight, and a test that names it
expanded as (

    select
        respondents.*,
        case respondents.weighting
            when 'post_stratification'
                then
                    populations.population_units * 1e0 / count(*) over (
                        partition by respondents.wave_id, respondents.respondent_group, respondents.stratum
                    )
            when 'raking' then raked.raked_weight
            when 'delivered' then respondents.delivered_weight
        end as expansion_factor
    from respondents
    left join populations
        on
            respondents.wave_id = populations.wave_id
            and respondents.respondent_group = populations.respondent_group
            and respondents.stratum = populations.stratum
    left join {{ ref('int_respondents__raked') }} as raked
        on
            respondents.weighting = 'raking'
            and respondents.wave_id = raked.wave_id
            and respondents.respondent_group = raked.respondent_group
            and coalesce(respondents.sector, '') = coalesce(raked.sector, '')
            and coalesce(respondents.landsdeel, '') = coalesce(raked.landsdeel, '')
            and coalesce(respondents.region, '') = coalesce(raked.region, '')

),

scaled as (

    select
        expanded.*,
        expanded.expansion_factor / (
            {{ exact_window_sum('expanded.expansion_factor', 'expanded.wave_id, expanded.respondent_group') }}
            / count(*) over (partition by expanded.wave_id, expanded.respondent_group)
        ) as scaled_weight
    from expanded

),

-- weights are cut only where the codebook says so, and why
trimmed as (

    select
        scaled.*,
        coalesce(scaled.scaled_weight > weight_trims.maximum_weight, false) as is_weight_trimmed,
        least(scaled.scaled_weight, coalesce(weight_trims.maximum_weight, scaled.scaled_weight)) as trimmed_weight
    from scaled
    left join {{ ref('weight_trims') }} as weight_trims
        on scaled.wave_id = weight_trims.wave_id and scaled.respondent_group = weight_trims.respondent_group

),

final as (

    select
        trimmed.*,
        trimmed.trimmed_weight / (
            {{ exact_window_sum('trimmed.trimmed_weight', 'trimmed.wave_id, trimmed.respondent_group') }}
            / count(*) over (partition by trimmed.wave_id, trimmed.respondent_group)
        ) as weight
    from trimmed

)

select * from final

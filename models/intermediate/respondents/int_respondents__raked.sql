-- weights of the groups of which only margins are known, one row per combination of margins
with respondents as (

    select * from {{ ref('int_respondents__deduplicated') }}
    where is_kept and weighting = 'raking'

),

sampled as (

    select
        wave_id,
        respondent_group,
        sector,
        landsdeel,
        region,
        count(*) as respondent_count
    from respondents
    group by wave_id, respondent_group, sector, landsdeel, region

),

{{ rake('sampled', margins=['sector', 'landsdeel', 'region'], iterations=40) }},

final as (

    select
        wave_id,
        respondent_group,
        sector,
        landsdeel,
        region,
        respondent_count,
        raked_total / respondent_count as raked_weight
    from raked

)

select * from final

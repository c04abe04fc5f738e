with respondents as (

    select * from {{ ref('int_respondents__deduplicated') }}

),

final as (

    select
        respondents.respondent_key,
        respondents.wave_id,
        respondents.respondent_group,
        respondents.delivery_id,
        respondents.row_number,
        respondents.sector,
        respondents.region,
        respondents.swv_code,
        respondents.school_code,
        respondents.stratum,
        respondents.is_kept,
        respondents.drop_reason,
        respondents.is_complete,
        weighted.weight,
        respondents.started_at,
        respondents.completed_at
    from respondents
    left join {{ ref('int_respondents__weighted') }} as weighted
        on respondents.respondent_key = weighted.respondent_key

)

select * from final

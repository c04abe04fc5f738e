with respondents as (

    select * from {{ ref('int_respondents__pivoted') }}

),

judged as (

    select
        *,
        case
            when is_test then 'test_record'
            when data_source in ('4', '5', '6') then 'excluded_source'
            when core_answered_count < 0.5e0 * core_item_count then 'incomplete'
            when stratum is null then 'no_stratum'
        end as own_drop_reason
    from respondents

),

-- the latest complete answer of a login counts; rows that are out for themselves do not compete
ranked as (

    select
        *,
        row_number() over (
            partition by
                delivery_id,
                own_drop_reason,
                coalesce(login, cast(respondent_key as {{ dbt.type_string() }}))
            order by is_complete desc, completed_at desc nulls last, row_number desc
        ) as rank_in_login
    from judged

),

final as (

    select
        respondent_key,
        delivery_id,
        wave_id,
        respondent_group,
        login,
        sector,
        region,
        swv_code,
        school_code,
        municipality,
        board_code,
        stratum,
        psu_id,
        coalesce(own_drop_reason, case when rank_in_login > 1 then 'duplicate_login' end) as drop_reason,
        own_drop_reason is null and rank_in_login = 1 as is_kept,
        is_complete,
        row_number,
        core_item_count,
        core_answered_count,
        started_at,
        completed_at
    from ranked

)

select * from final

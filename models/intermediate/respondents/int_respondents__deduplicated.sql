with respondents as (

    select * from {{ ref('int_respondents__pivoted') }}

),

margins as (

    select
        wave_id,
        respondent_group,
        max(case when margin = 'sector' then 1 else 0 end) = 1 as has_sector,
        max(case when margin = 'landsdeel' then 1 else 0 end) = 1 as has_landsdeel,
        max(case when margin = 'region' then 1 else 0 end) = 1 as has_region
    from {{ ref('population_margins') }}
    group by wave_id, respondent_group

),

judged as (

    select
        respondents.*,
        case
            when respondents.is_removed then 'removed_on_request'
            when respondents.is_test then 'test_record'
            when {{ delivered_number('respondents.data_source') }} in (4, 5, 6) then 'excluded_source'
            when respondents.core_answered_count < 0.5e0 * respondents.core_item_count then 'incomplete'
            when respondents.value_drop_reason is not null then respondents.value_drop_reason
            when
                respondents.stratum is null
                or respondents.weighting = 'raking'
                and (
                    margins.has_sector and respondents.sector is null
                    or margins.has_landsdeel and respondents.landsdeel is null
                    or margins.has_region and respondents.region is null
                )
                then 'no_stratum'
            -- as a cluster of its own it would make the sample look larger than it is
            when respondents.psu_id is null then 'no_cluster'
            when respondents.weighting = 'delivered' and coalesce(respondents.delivered_weight, 0) <= 0
                then 'no_weight'
        end as own_drop_reason
    from respondents
    left join margins
        on respondents.wave_id = margins.wave_id and respondents.respondent_group = margins.respondent_group

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
        landsdeel,
        swv_code,
        school_code,
        municipality,
        board_code,
        stratum,
        psu_id,
        weighting,
        delivered_weight,
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

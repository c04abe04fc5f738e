with decoded as (

    select * from {{ ref('int_answers__decoded') }}

),

pivoted as (

    select
        respondent_key,
        delivery_id,
        wave_id,
        respondent_group,
        row_number,
        max(case when attribute = 'login' then delivered_value end) as login,
        max(case when attribute = 'data_source' then delivered_value end) as data_source,
        max(case when attribute = 'sector' then answer_value end) as sector,
        max(case when attribute = 'region' then answer_value end) as region,
        max(case when attribute = 'swv' then {{ clean_swv_code('delivered_value') }} end) as swv_code,
        max(case when attribute = 'school_code' then upper(delivered_value) end) as school_code,
        max(case when attribute = 'municipality' then delivered_value end) as municipality,
        max(case when attribute = 'board_code' then delivered_value end) as board_code,
        max(case when attribute = 'is_test' and answer_value = 'yes' then 1 else 0 end) = 1 as is_test,
        max(case when attribute = 'started_at' then {{ parse_timestamp('delivered_value') }} end) as started_at,
        max(case when attribute = 'completed_at' then {{ parse_timestamp('delivered_value') }} end) as completed_at,
        sum(case when is_core then 1 else 0 end) as core_item_count,
        sum(case when is_core and coalesce(missing_reason, '') <> 'not_answered' then 1 else 0 end)
            as core_answered_count
    from decoded
    group by respondent_key, delivery_id, wave_id, respondent_group, row_number

),

final as (

    select
        pivoted.*,
        pivoted.completed_at is not null as is_complete,
        case respondent_groups.stratum_by
            when 'sector' then pivoted.sector
            when 'landsdeel' then provinces.landsdeel
            when 'sector_landsdeel' then pivoted.sector || '_' || provinces.landsdeel
        end as stratum,
        coalesce(
            case respondent_groups.psu_attribute
                when 'swv' then pivoted.swv_code
                when 'school_code' then pivoted.school_code
                when 'municipality' then pivoted.municipality
                when 'board_code' then pivoted.board_code
            end,
            pivoted.respondent_key
        ) as psu_id
    from pivoted
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on pivoted.respondent_group = respondent_groups.respondent_group
    left join {{ ref('provinces') }} as provinces on pivoted.region = provinces.region

)

select * from final

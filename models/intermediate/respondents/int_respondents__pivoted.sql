with attributes as (

    select
        respondent_key,
        delivery_number,
        row_number,
        max(case when attribute = 'login' then attribute_value end) as login,
        max(case when attribute = 'data_source' then attribute_value end) as data_source,
        max(case when attribute = 'sector' then attribute_value end) as sector,
        max(case when attribute = 'region' then attribute_value end) as region,
        max(case when attribute = 'swv' then attribute_value end) as swv_code,
        max(case when attribute = 'school_code' then attribute_value end) as school_code,
        max(case when attribute = 'municipality' then attribute_value end) as municipality,
        max(case when attribute = 'board_code' then attribute_value end) as board_code,
        max(case when attribute = 'stratum' then attribute_value end) as delivered_stratum,
        max(case when attribute = 'psu' then attribute_value end) as delivered_psu,
        max(case when attribute = 'weight' then {{ delivered_number('attribute_value') }} end) as delivered_weight,
        max(case when attribute = 'is_test' and attribute_value = 'yes' then 1 else 0 end) = 1 as is_test,
        max(case when attribute = 'started_at' then {{ parse_timestamp('attribute_value') }} end) as started_at,
        max(case when attribute = 'completed_at' then {{ parse_timestamp('attribute_value') }} end) as completed_at,
        max(drop_reason) as value_drop_reason
    from {{ ref('int_respondents__attributes') }}
    group by respondent_key, delivery_number, row_number

),

core_items as (

    select
        answers.respondent_key,
        count(*) as core_item_count,
        sum(case when coalesce(answers.missing_reason, '') <> 'not_answered' then 1 else 0 end)
            as core_answered_count
    from {{ ref('int_answers__decoded') }} as answers
    inner join {{ ref('int_codebook__variables') }} as variables
        on answers.variable_key = variables.variable_key
    where variables.is_core
    group by answers.respondent_key

),

-- rows that a respondent asked to take out
removals as (

    select
        delivery_number,
        row_number
    from {{ ref('stg_survey__corrections') }}
    where is_in_effect and variable = '*'

),

final as (

    select
        attributes.*,
        deliveries.delivery_id,
        deliveries.wave_id,
        deliveries.respondent_group,
        cast(coalesce(core_items.core_item_count, 0) as bigint) as core_item_count,
        cast(coalesce(core_items.core_answered_count, 0) as bigint) as core_answered_count,
        attributes.completed_at is not null as is_complete,
        provinces.landsdeel,
        respondent_groups.weighting,
        case respondent_groups.stratum_by
            when 'sector' then attributes.sector
            when 'landsdeel' then provinces.landsdeel
            when 'sector_landsdeel' then attributes.sector || '_' || provinces.landsdeel
            when 'stratum' then attributes.delivered_stratum
        end as stratum,
        case coalesce(respondent_groups.psu_attribute, 'none')
            when 'swv' then attributes.swv_code
            when 'school_code' then attributes.school_code
            when 'municipality' then attributes.municipality
            when 'board_code' then attributes.board_code
            when 'psu' then attributes.delivered_psu
            when 'none' then cast(attributes.respondent_key as {{ dbt.type_string() }})
        end as psu_id,
        removals.delivery_number is not null as is_removed
    from attributes
    inner join {{ ref('stg_survey__deliveries') }} as deliveries
        on attributes.delivery_number = deliveries.delivery_number
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on deliveries.respondent_group = respondent_groups.respondent_group
    left join core_items on attributes.respondent_key = core_items.respondent_key
    left join {{ ref('provinces') }} as provinces on attributes.region = provinces.region
    left join removals
        on
            attributes.delivery_number = removals.delivery_number
            and attributes.row_number = removals.row_number

)

select * from final

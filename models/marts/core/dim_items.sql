with asked as (

    select
        variables.wave_id,
        items.indicator_code,
        variables.respondent_group,
        waves.measurement_number,
        items.item_code,
        items.wording_nl,
        items.wording_en,
        items.wording_version,
        variables.scale,
        variables.is_comparable
    from {{ ref('variables') }} as variables
    inner join {{ ref('items') }} as items on variables.item_code = items.item_code
    inner join {{ ref('waves') }} as waves on variables.wave_id = waves.wave_id
    where variables.role = 'item'

),

final as (

    select
        asked.wave_id,
        asked.indicator_code,
        asked.respondent_group,
        asked.wording_nl,
        asked.wording_en,
        asked.wording_version,
        asked.scale,
        case
            when previous.item_code is null and asked.measurement_number = 1 then 'first_measurement'
            when previous.item_code is null and asked.measurement_number = respondent_groups.first_measurement
                then 'group_new'
            when previous.item_code is null then 'first_measurement'
            when previous.scale <> asked.scale then 'scale_changed'
            when previous.wording_version <> asked.wording_version or not asked.is_comparable then 'reworded'
            else 'comparable'
        end as comparability
    from asked
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on asked.respondent_group = respondent_groups.respondent_group
    left join asked as previous
        on
            asked.indicator_code = previous.indicator_code
            and asked.respondent_group = previous.respondent_group
            and asked.measurement_number = previous.measurement_number + 1

)

select * from final

-- what a delivered column asks, with all that decoding needs to know of its scale and indicator
with variables as (

    select * from {{ ref('stg_codebook__variables') }}

),

final as (

    select
        variables.variable_key,
        variables.wave_id,
        variables.respondent_group,
        variables.variable,
        variables.role,
        -- of the identifiers only the login is needed, to find duplicates
        case when variables.role <> 'identifier' or variables.attribute = 'login' then variables.attribute end
            as attribute,
        variables.item_code,
        items.indicator_code,
        indicator_groups.unit_of_count,
        variables.scale,
        scales.kind as scale_kind,
        scales.min_score,
        scales.max_score,
        variables.answers_as,
        variables.is_reversed,
        variables.is_core,
        filters.variable_key as routed_by_key,
        variables.routed_values,
        variables.missing_codes,
        indicators.endorsed_codes,
        -- marks: endorsed from the lowest endorsed code up, so that 7,5 counts too
        case when scales.kind = 'numeric' then cast(split_part(indicators.endorsed_codes, '|', 1) as double) end
            as endorsed_from_score
    from variables
    left join {{ ref('scales') }} as scales on variables.scale = scales.scale
    left join {{ ref('items') }} as items on variables.item_code = items.item_code
    left join {{ ref('indicators') }} as indicators on items.indicator_code = indicators.indicator_code
    left join {{ ref('indicator_groups') }} as indicator_groups
        on
            items.indicator_code = indicator_groups.indicator_code
            and variables.respondent_group = indicator_groups.respondent_group
    left join variables as filters
        on
            variables.wave_id = filters.wave_id
            and variables.respondent_group = filters.respondent_group
            and variables.routed_by = filters.variable

)

select * from final

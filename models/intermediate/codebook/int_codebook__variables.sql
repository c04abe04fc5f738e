-- what a delivered column asks, with all that decoding needs to know of its scale and indicator
with variables as (

    select * from {{ ref('variables') }}

),

final as (

    select
        variables.wave_id,
        variables.respondent_group,
        variables.variable,
        variables.role,
        variables.attribute,
        variables.item_code,
        items.indicator_code,
        variables.scale,
        scales.kind as scale_kind,
        scales.min_score,
        scales.max_score,
        variables.answers_as,
        coalesce(variables.is_reversed, false) as is_reversed,
        coalesce(variables.is_core, false) as is_core,
        variables.routed_by,
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

)

select * from final

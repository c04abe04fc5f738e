with delivered as (

    select
        delivered.respondent_key,
        delivered.delivery_id,
        delivered.wave_id,
        delivered.respondent_group,
        delivered.variable,
        delivered.row_number,
        delivered.value,
        variables.role,
        variables.attribute,
        variables.item_code,
        variables.indicator_code,
        variables.scale,
        variables.min_score,
        variables.max_score,
        variables.endorsed_from_score,
        variables.is_core,
        variables.routed_by,
        variables.routed_values,
        case when variables.scale_kind = 'numeric' then try_cast(replace(delivered.value, ',', '.') as double) end
            as number
    from {{ ref('int_answers__unioned') }} as delivered
    inner join {{ ref('int_codebook__variables') }} as variables
        on
            delivered.wave_id = variables.wave_id
            and delivered.respondent_group = variables.respondent_group
            and delivered.variable = variables.variable

),

options as (

    select * from {{ ref('int_codebook__options') }}

),

-- the answers that decide whether a later question was asked
routing_answers as (

    select
        delivered.respondent_key,
        delivered.variable,
        options.option_value
    from delivered
    inner join options
        on
            delivered.wave_id = options.wave_id
            and delivered.respondent_group = options.respondent_group
            and delivered.variable = options.variable
            and lower(delivered.value) = options.delivered_text
    inner join (
        select distinct
            wave_id,
            respondent_group,
            routed_by
        from {{ ref('int_codebook__variables') }}
        where routed_by is not null
    ) as filters
        on
            delivered.wave_id = filters.wave_id
            and delivered.respondent_group = filters.respondent_group
            and delivered.variable = filters.routed_by

),

final as (

    select
        delivered.respondent_key,
        delivered.delivery_id,
        delivered.wave_id,
        delivered.respondent_group,
        delivered.variable,
        delivered.role,
        delivered.attribute,
        delivered.item_code,
        delivered.indicator_code,
        delivered.scale,
        delivered.value as delivered_value,
        case
            when options.variable is not null then options.answer_value
            when delivered.scale is null then delivered.value
            when delivered.number between delivered.min_score and delivered.max_score
                then cast(cast(round(delivered.number) as bigint) as {{ dbt.type_string() }})
        end as answer_value,
        case
            when options.variable is not null then options.score
            when delivered.number between delivered.min_score and delivered.max_score then delivered.number
        end as score,
        case
            when options.variable is not null then options.is_endorsed
            when delivered.number between delivered.min_score and delivered.max_score
                then delivered.number >= delivered.endorsed_from_score
            else false
        end as is_endorsed,
        case
            when delivered.role <> 'item' then null
            when options.variable is not null then options.missing_reason
            when
                delivered.value is null and delivered.routed_by is not null
                and not coalesce({{ contains_code('delivered.routed_values', 'routing_answers.option_value') }}, false)
                then 'not_routed'
            when delivered.value is null then 'not_answered'
            when delivered.number between delivered.min_score and delivered.max_score then null
            else 'invalid'
        end as missing_reason,
        delivered.is_core,
        delivered.row_number
    from delivered
    left join options
        on
            delivered.wave_id = options.wave_id
            and delivered.respondent_group = options.respondent_group
            and delivered.variable = options.variable
            and lower(delivered.value) = options.delivered_text
    left join routing_answers
        on
            delivered.respondent_key = routing_answers.respondent_key
            and delivered.routed_by = routing_answers.variable

)

select * from final

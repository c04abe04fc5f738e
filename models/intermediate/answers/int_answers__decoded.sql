with delivered as (

    select
        delivered.respondent_key,
        delivered.variable_key,
        delivered.value,
        variables.min_score,
        variables.max_score,
        variables.endorsed_from_score,
        variables.routed_by_key,
        variables.routed_values,
        case when variables.scale_kind = 'numeric' then {{ delivered_number('delivered.value') }} end as number
    from {{ ref('int_answers__unioned') }} as delivered
    inner join {{ ref('int_codebook__variables') }} as variables
        on delivered.variable_key = variables.variable_key
    where variables.role = 'item'

),

routing_answers as (

    select
        respondent_key,
        variable_key,
        option_value
    from {{ ref('int_respondents__attributes') }}

),

final as (

    select
        delivered.respondent_key,
        delivered.variable_key,
        delivered.value as delivered_value,
        case
            when options.variable_key is not null then options.answer_value
            when delivered.number between delivered.min_score and delivered.max_score
                then cast(cast(round(delivered.number) as bigint) as {{ dbt.type_string() }})
        end as answer_value,
        case
            when options.variable_key is not null then options.score
            when delivered.number between delivered.min_score and delivered.max_score then delivered.number
        end as score,
        case
            when options.variable_key is not null then options.is_endorsed
            when delivered.number between delivered.min_score and delivered.max_score
                then delivered.number >= delivered.endorsed_from_score
            else false
        end as is_endorsed,
        case
            when options.variable_key is not null then options.missing_reason
            when
                delivered.value is null and delivered.routed_by_key is not null
                and not coalesce({{ contains_code('delivered.routed_values', 'routing_answers.option_value') }}, false)
                then 'not_routed'
            when delivered.value is null then 'not_answered'
            when delivered.number between delivered.min_score and delivered.max_score then null
            else 'invalid'
        end as missing_reason
    from delivered
    left join {{ ref('int_codebook__options') }} as options
        on delivered.variable_key = options.variable_key and lower(delivered.value) = options.delivered_text
    left join routing_answers
        on
            delivered.respondent_key = routing_answers.respondent_key
            and delivered.routed_by_key = routing_answers.variable_key

)

select * from final

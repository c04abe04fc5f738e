with delivered as (

    select
        delivered.respondent_key,
        delivered.delivery_number,
        delivered.row_number,
        delivered.variable_key,
        delivered.value,
        variables.role,
        variables.attribute,
        variables.scale
    from {{ ref('int_answers__unioned') }} as delivered
    inner join {{ ref('int_codebook__variables') }} as variables
        on delivered.variable_key = variables.variable_key
    where variables.attribute is not null

),

final as (

    select
        delivered.respondent_key,
        delivered.delivery_number,
        delivered.row_number,
        delivered.variable_key,
        delivered.role,
        delivered.attribute,
        options.option_value,
        case
            when delivered.attribute = 'swv' then {{ clean_swv_code('delivered.value') }}
            when delivered.scale is null then delivered.value
            else options.answer_value
        end as attribute_value
    from delivered
    left join {{ ref('int_codebook__options') }} as options
        on delivered.variable_key = options.variable_key and lower(delivered.value) = options.delivered_text

)

select * from final

with broken as (

    select
        respondent_key,
        variable_key,
        delivered_value,
        cast(null as {{ dbt.type_string() }}) as broken_rule
    from {{ ref('int_answers__decoded') }}
    where missing_reason = 'invalid'
    union all
    select
        respondent_key,
        variable_key,
        broken_value as delivered_value,
        broken_rule
    from {{ ref('int_respondents__attributes') }}
    where broken_rule is not null

),

final as (

    select
        respondents.delivery_id,
        respondents.row_number,
        variables.variable,
        variables.wave_id,
        variables.respondent_group,
        variables.item_code,
        broken.delivered_value,
        coalesce(broken.broken_rule, 'no answer of scale ' || variables.scale) as rule
    from broken
    inner join {{ ref('int_codebook__variables') }} as variables on broken.variable_key = variables.variable_key
    inner join {{ ref('int_respondents__deduplicated') }} as respondents
        on broken.respondent_key = respondents.respondent_key

)

select * from final

-- What: every correction in effect has changed the cell that it names, and no other value stands there.
-- When it matters: a correction that is not applied would be told to its requester all the same.
-- How to resolve: compare core.fct_corrections with staging.stg_survey__<group> for the row that is named.
{{ config(meta={'dagster': {'ref': {'name': 'fct_responses'}}}) }}

with delivered as (

    select
        delivered.delivery_number,
        delivered.row_number,
        variables.variable,
        delivered.value
    from {{ ref('int_answers__unioned') }} as delivered
    inner join {{ ref('int_codebook__variables') }} as variables
        on delivered.variable_key = variables.variable_key

)

select
    corrections.delivery_id,
    corrections.row_number,
    corrections.variable,
    corrections.new_value,
    delivered.value
from {{ ref('stg_survey__corrections') }} as corrections
left join delivered
    on
        corrections.delivery_number = delivered.delivery_number
        and corrections.row_number = delivered.row_number
        and corrections.variable = delivered.variable
where
    corrections.is_in_effect
    and corrections.variable <> '*'
    and (delivered.variable is null or coalesce(corrections.new_value, '') <> coalesce(delivered.value, ''))
union all
select
    corrections.delivery_id,
    corrections.row_number,
    corrections.variable,
    corrections.new_value,
    responses.drop_reason as value
from {{ ref('stg_survey__corrections') }} as corrections
left join {{ ref('fct_responses') }} as responses
    on
        corrections.delivery_id = responses.delivery_id
        and corrections.row_number = responses.row_number
where
    corrections.is_in_effect
    and corrections.variable = '*'
    and coalesce(responses.drop_reason, '') <> 'removed_on_request'

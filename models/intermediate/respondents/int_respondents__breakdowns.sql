with respondents as (

    select * from {{ ref('int_respondents__weighted') }}

),

everyone as (

    select
        respondent_key,
        'total' as breakdown,
        'all' as breakdown_value
    from respondents

),

-- whatever the codebook marks as a breakdown becomes one, without a line of code
marked as (

    select
        decoded.respondent_key,
        decoded.attribute as breakdown,
        case
            when decoded.attribute = 'swv' then {{ clean_swv_code('decoded.delivered_value') }}
            else decoded.answer_value
        end as breakdown_value
    from {{ ref('int_answers__decoded') }} as decoded
    inner join respondents on decoded.respondent_key = respondents.respondent_key
    where decoded.role = 'breakdown'

),

final as (

    select * from everyone
    union all
    select * from marked
    where breakdown_value is not null

)

select * from final

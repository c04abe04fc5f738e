with respondents as (

    select
        respondents.respondent_key,
        respondent_groups.has_swv_breakdown
    from {{ ref('int_respondents__weighted') }} as respondents
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on respondents.respondent_group = respondent_groups.respondent_group

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
        attributes.respondent_key,
        attributes.attribute as breakdown,
        attributes.attribute_value as breakdown_value
    from {{ ref('int_respondents__attributes') }} as attributes
    inner join respondents on attributes.respondent_key = respondents.respondent_key
    where
        attributes.role = 'breakdown'
        and attributes.attribute_value is not null
        -- where one person is the samenwerkingsverband, a row would already tell who answered
        and (attributes.attribute <> 'swv' or respondents.has_swv_breakdown)

),

unioned as (

    select * from everyone
    union all
    select * from marked

),

final as (

    select
        respondent_key,
        -- a short key of breakdown and value, for the large join with the answers
        cast(dense_rank() over (order by breakdown, breakdown_value) as int) as domain_key,
        breakdown,
        breakdown_value
    from unioned

)

select * from final

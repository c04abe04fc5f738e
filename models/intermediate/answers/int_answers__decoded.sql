with values_delivered as (

    select
        delivered.respondent_key,
        delivered.delivery_id,
        delivered.wave_id,
        delivered.respondent_group,
        delivered.variable,
        delivered.role,
        delivered.attribute,
        delivered.item_code,
        delivered.scale,
        delivered.value,
        delivered.row_number,
        variables.answers_as,
        variables.is_reversed,
        variables.is_core,
        variables.routed_by,
        variables.routed_values,
        variables.missing_codes
    from {{ ref('int_answers__unioned') }} as delivered
    inner join {{ ref('variables') }} as variables
        on
            delivered.wave_id = variables.wave_id
            and delivered.respondent_group = variables.respondent_group
            and delivered.variable = variables.variable

),

scales as (

    select * from {{ ref('scales') }}

),

-- an answer comes as its code or as its Dutch label, as the codebook says of the column
options as (

    select
        scale,
        'code' as answers_as,
        value as matched_text,
        value,
        score,
        missing_reason,
        breakdown_value
    from {{ ref('scale_options') }}
    union all
    select
        scale,
        'label' as answers_as,
        lower(label_nl) as matched_text,
        value,
        score,
        missing_reason,
        breakdown_value
    from {{ ref('scale_options') }}

),

matched as (

    select
        values_delivered.*,
        scales.kind as scale_kind,
        scales.min_score,
        scales.max_score,
        options.value as option_value,
        options.score as option_score,
        options.breakdown_value,
        case when {{ contains_code('values_delivered.missing_codes', 'options.value') }} then options.missing_reason end
            as agreed_missing_reason,
        case when scales.kind = 'numeric' then try_cast(replace(values_delivered.value, ',', '.') as double) end
            as number
    from values_delivered
    left join scales on values_delivered.scale = scales.scale
    left join options
        on
            values_delivered.scale = options.scale
            and values_delivered.answers_as = options.answers_as
            and lower(values_delivered.value) = options.matched_text

),

-- the answers that decide whether a later question was asked
routing_answers as (

    select
        matched.respondent_key,
        matched.variable,
        matched.option_value
    from matched
    inner join (
        select distinct
            wave_id,
            respondent_group,
            routed_by
        from {{ ref('variables') }}
        where routed_by is not null
    ) as filters
        on
            matched.wave_id = filters.wave_id
            and matched.respondent_group = filters.respondent_group
            and matched.variable = filters.routed_by

),

scored as (

    select
        matched.*,
        coalesce(
            matched.option_score,
            case
                when
                    matched.agreed_missing_reason is null
                    and matched.number between matched.min_score and matched.max_score
                    then matched.number
            end
        ) as delivered_score,
        case
            when matched.role <> 'item' then null
            when
                matched.value is null and matched.routed_by is not null
                and not coalesce({{ contains_code('matched.routed_values', 'routing_answers.option_value') }}, false)
                then 'not_routed'
            when matched.value is null then 'not_answered'
            when matched.agreed_missing_reason is not null then matched.agreed_missing_reason
            when matched.option_score is not null then null
            when matched.number between matched.min_score and matched.max_score then null
            else 'invalid'
        end as missing_reason
    from matched
    left join routing_answers
        on matched.respondent_key = routing_answers.respondent_key and matched.routed_by = routing_answers.variable

),

-- a scale turned round in the questionnaire is turned back: the first option becomes the last
oriented as (

    select
        *,
        case when is_reversed then min_score + max_score - delivered_score else delivered_score end as score
    from scored

),

final as (

    select
        respondent_key,
        delivery_id,
        wave_id,
        respondent_group,
        variable,
        role,
        attribute,
        item_code,
        scale,
        value as delivered_value,
        case
            when role <> 'item' then coalesce(breakdown_value, case when scale is null then value end)
            when missing_reason is not null then null
            when scale_kind = 'nominal' then option_value
            else cast(cast(round(score) as bigint) as {{ dbt.type_string() }})
        end as answer_value,
        case when role = 'item' and missing_reason is null then score end as score,
        missing_reason,
        is_core,
        row_number
    from oriented

)

select * from final

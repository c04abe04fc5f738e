-- what is known of a respondent beside the answers; an impossible value becomes none, with the rule it breaks
with delivered as (

    select
        delivered.respondent_key,
        delivered.delivery_number,
        delivered.row_number,
        delivered.variable_key,
        delivered.value,
        variables.wave_id,
        variables.role,
        variables.attribute,
        variables.scale
    from {{ ref('int_answers__unioned') }} as delivered
    inner join {{ ref('int_codebook__variables') }} as variables
        on delivered.variable_key = variables.variable_key
    where variables.attribute is not null

),

decoded as (

    select
        delivered.*,
        options.option_value,
        options.answer_value,
        value_rules.rule,
        value_rules.pattern,
        value_rules.margin_days,
        value_rules.drop_reason,
        {{ dbt.dateadd('day', '-value_rules.margin_days', 'waves.fieldwork_start') }} as earliest,
        {{ dbt.dateadd('day', 'value_rules.margin_days + 1', 'waves.fieldwork_end') }} as latest,
        case
            when delivered.attribute = 'swv' then {{ clean_swv_code('delivered.value') }}
            when delivered.attribute = 'school_code' then {{ clean_code('delivered.value') }}
            else delivered.value
        end as clean_value,
        case when value_rules.rule = 'moment' then {{ parse_timestamp('delivered.value') }} end as moment
    from delivered
    left join {{ ref('int_codebook__options') }} as options
        on delivered.variable_key = options.variable_key and lower(delivered.value) = options.delivered_text
    left join {{ ref('value_rules') }} as value_rules on delivered.attribute = value_rules.attribute
    left join {{ ref('waves') }} as waves on delivered.wave_id = waves.wave_id

),

judged as (

    select
        decoded.*,
        case
            when decoded.value is null then null
            when decoded.scale is not null
                then case when decoded.option_value is null then 'no option of scale ' || decoded.scale end
            when decoded.rule = 'samenwerkingsverband' and samenwerkingsverbanden.swv_code is null
                then 'no samenwerkingsverband'
            when
                decoded.rule = 'pattern'
                and regexp_extract(decoded.clean_value, '^' || decoded.pattern || '$', 0) = ''
                then 'not of the form ' || decoded.pattern
            when
                decoded.rule = 'number' and try_cast(replace(decoded.clean_value, ',', '.') as double) is null
                then 'no number'
            when decoded.rule = 'moment' and decoded.moment is null then 'no moment'
            when decoded.rule = 'moment' and (decoded.moment < decoded.earliest or decoded.moment >= decoded.latest)
                then 'more than ' || decoded.margin_days || ' days before or after the fieldwork'
        end as broken_rule
    from decoded
    left join {{ ref('samenwerkingsverbanden') }} as samenwerkingsverbanden
        on decoded.rule = 'samenwerkingsverband' and decoded.clean_value = samenwerkingsverbanden.swv_code

),

final as (

    select
        respondent_key,
        delivery_number,
        row_number,
        variable_key,
        role,
        attribute,
        option_value,
        case
            when broken_rule is not null then null
            when scale is not null then answer_value
            else clean_value
        end as attribute_value,
        case when broken_rule is not null then value end as broken_value,
        broken_rule,
        case when broken_rule is not null then drop_reason end as drop_reason
    from judged

)

select * from final

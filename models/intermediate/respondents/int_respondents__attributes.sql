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
        {{ clean_value('delivered.attribute', 'delivered.value') }} as clean_value,
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
            when decoded.scale is null
                then
                    {{ broken_rule(
                        'decoded.rule', 'decoded.clean_value', '(samenwerkingsverbanden.swv_code is not null)',
                        'decoded.pattern', 'decoded.moment', 'decoded.earliest', 'decoded.latest',
                        'decoded.margin_days'
                    ) }}
            when decoded.value is not null and decoded.option_value is null
                then 'no option of scale ' || decoded.scale
        end as broken_rule
    from decoded
    -- one equality, so that the rows are not compared with each samenwerkingsverband in turn
    left join {{ ref('samenwerkingsverbanden') }} as samenwerkingsverbanden
        on
            case when decoded.rule = 'samenwerkingsverband' then decoded.clean_value end
            = samenwerkingsverbanden.swv_code

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

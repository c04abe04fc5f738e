-- what each text that can be delivered in a column means: code or Dutch label, as the codebook says
with variables as (

    select * from {{ ref('int_codebook__variables') }}
    where scale is not null

),

options as (

    select * from {{ ref('scale_options') }}

),

offered as (

    select
        variables.*,
        options.value as option_value,
        options.missing_reason,
        options.breakdown_value,
        case when variables.answers_as = 'label' then lower(options.label_nl) else options.value end as delivered_text,
        -- a scale turned round in the questionnaire is turned back: its first option is the last
        case
            when variables.is_reversed then variables.min_score + variables.max_score - options.score
            else options.score
        end as score
    from variables
    inner join options on variables.scale = options.scale
    -- a missing code counts only where the wave agreed on it
    where options.missing_reason is null or {{ contains_code('variables.missing_codes', 'options.value') }}

),

final as (

    select
        variable_key,
        delivered_text,
        option_value,
        case
            when role <> 'item' then breakdown_value
            when missing_reason is not null then null
            when scale_kind = 'nominal' then option_value
            else cast(cast(score as bigint) as {{ dbt.type_string() }})
        end as answer_value,
        score,
        missing_reason,
        case
            when missing_reason is not null or role <> 'item' then false
            when scale_kind = 'numeric' then score >= endorsed_from_score
            when scale_kind = 'nominal' then {{ contains_code('endorsed_codes', 'option_value') }}
            else {{ contains_code('endorsed_codes', 'cast(cast(score as bigint) as ' ~ dbt.type_string() ~ ')') }}
        end as is_endorsed
    from offered

)

select * from final

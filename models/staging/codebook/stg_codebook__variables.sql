with source as (

    select * from {{ ref('variables') }}

),

renamed as (

    select
        -- a short key: it stands in every answer in place of wave, group and column
        cast(row_number() over (order by wave_id, respondent_group, variable) as int) as variable_key,
        wave_id,
        respondent_group,
        variable,
        item_code,

        column_name,
        role,
        attribute,
        scale,
        answers_as,
        routed_by,
        routed_values,
        missing_codes,

        coalesce(is_reversed, false) as is_reversed,
        coalesce(is_core, false) as is_core
    from source

)

select * from renamed

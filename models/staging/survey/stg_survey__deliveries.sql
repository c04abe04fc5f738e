with source as (

    select * from {{ source('raw', 'deliveries') }}
    -- files of corrections stand in the register too, but hold no respondents
    where respondent_group <> 'corrections'

),

renamed as (

    select
        delivery_id,
        -- a short key: with the row number it makes the key of a respondent
        row_number() over (order by delivery_id) as delivery_number,
        wave_id,
        respondent_group,
        superseded_by,

        file_name,
        format,
        sha256,
        status,
        refusal_reason,

        size_bytes,
        row_count,
        column_count,

        is_synthetic,

        landed_at,
        decided_at
    from source

)

select * from renamed

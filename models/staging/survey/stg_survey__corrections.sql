with source as (

    select * from {{ source('raw', 'corrections') }}

),

files as (

    select
        delivery_id,
        status
    from {{ source('raw', 'deliveries') }}

),

deliveries as (

    select * from {{ ref('stg_survey__deliveries') }}

),

final as (

    select
        source.correction_file_id,
        source.line_number,
        source.delivery_id,
        deliveries.delivery_number,
        source.row_number,
        source.wave_id,
        source.respondent_group,

        source.variable,
        nullif(trim(source.old_value), '') as old_value,
        nullif(trim(source.new_value), '') as new_value,
        source.reason,
        source.requested_by_role,
        files.status,

        files.status = 'accepted' and deliveries.status = 'accepted' as is_in_effect,

        source.requested_on
    from source
    inner join files on source.correction_file_id = files.delivery_id
    inner join deliveries on source.delivery_id = deliveries.delivery_id

)

select * from final

with areas as (

    select
        municipality,
        swv_po as swv_code
    from {{ ref('swv_regions_pc4') }}
    where swv_po is not null
    union all
    select
        municipality,
        swv_vo as swv_code
    from {{ ref('swv_regions_pc4') }}
    where swv_vo is not null

),

final as (

    select
        municipality,
        swv_code,
        count(*) as postcode_area_count
    from areas
    group by municipality, swv_code

)

select * from final

select * from {{ ref('dim_items') }}

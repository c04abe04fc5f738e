select * from {{ ref('dim_indicators') }}

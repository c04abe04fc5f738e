select * from {{ ref('dim_waves') }}

select * from {{ ref('dim_samenwerkingsverbanden') }}

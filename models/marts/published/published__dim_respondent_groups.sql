select * from {{ ref('dim_respondent_groups') }}

select * from {{ ref('fct_specialised_education') }}

-- What: measurements are numbered 1, 2, 3 … in the order of their fieldwork, and a wave closes after its fieldwork.
-- When it matters: the previous wave of a change is found by its number.
-- How to resolve: correct seeds/codebook/waves.csv.
{{ config(meta={'dagster': {'ref': {'name': 'waves'}}}) }}

with ordered as (

    select
        *,
        row_number() over (order by fieldwork_start) as expected_number
    from {{ ref('waves') }}

)

select
    wave_id,
    measurement_number,
    fieldwork_start,
    fieldwork_end,
    closed_at
from ordered
where measurement_number <> expected_number or fieldwork_end < fieldwork_start or closed_at < fieldwork_end

-- What: each group answers, in each wave, exactly the indicators that indicator_groups names.
-- When it matters: a missing item leaves a hole in the series, a surplus one a figure that nobody expects.
-- How to resolve: add or remove the column in seeds/codebook/variables.csv, or correct first_ and last_measurement.
{{ config(meta={'dagster': {'ref': {'name': 'indicator_groups'}}}) }}

with expected as (

    select
        waves.wave_id,
        indicator_groups.indicator_code,
        indicator_groups.respondent_group
    from {{ ref('indicator_groups') }} as indicator_groups
    inner join {{ ref('waves') }} as waves
        on
            indicator_groups.first_measurement <= waves.measurement_number
            and coalesce(indicator_groups.last_measurement, waves.measurement_number) >= waves.measurement_number

),

asked as (

    select
        variables.wave_id,
        items.indicator_code,
        variables.respondent_group,
        count(*) as column_count
    from {{ ref('variables') }} as variables
    inner join {{ ref('items') }} as items on variables.item_code = items.item_code
    group by variables.wave_id, items.indicator_code, variables.respondent_group

)

select
    coalesce(expected.wave_id, asked.wave_id) as wave_id,
    coalesce(expected.indicator_code, asked.indicator_code) as indicator_code,
    coalesce(expected.respondent_group, asked.respondent_group) as respondent_group,
    asked.column_count
from expected
full outer join asked
    on
        expected.wave_id = asked.wave_id
        and expected.indicator_code = asked.indicator_code
        and expected.respondent_group = asked.respondent_group
where expected.wave_id is null or asked.wave_id is null or asked.column_count <> 1

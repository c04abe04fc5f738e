-- What: every landed row of an accepted delivery is either kept or dropped with a reason.
-- When it matters: a row that is neither has vanished between landing and the marts.
-- How to resolve: compare raw.<group> with core.fct_responses for the delivery that is named.
{{ config(meta={'dagster': {'ref': {'name': 'fct_responses'}}}) }}

with counted as (

    select
        delivery_id,
        count(*) as row_count,
        sum(case when is_kept and drop_reason is null then 1 else 0 end) as kept_count,
        sum(case when not is_kept and drop_reason is not null then 1 else 0 end) as dropped_count
    from {{ ref('fct_responses') }}
    group by delivery_id

)

select
    deliveries.delivery_id,
    deliveries.wave_id,
    deliveries.respondent_group,
    deliveries.row_count as landed_count,
    counted.kept_count,
    counted.dropped_count
from {{ ref('stg_survey__deliveries') }} as deliveries
left join counted on deliveries.delivery_id = counted.delivery_id
where
    deliveries.status = 'accepted'
    and (
        counted.delivery_id is null
        or deliveries.row_count <> counted.row_count
        or deliveries.row_count <> counted.kept_count + counted.dropped_count
    )

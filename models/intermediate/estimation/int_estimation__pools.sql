-- the last three closed waves, at most, over which a question can be pooled: none reworded since the first
with asked as (

    select
        estimands.estimand_key,
        estimands.indicator_code,
        estimands.respondent_group,
        estimands.wave_id,
        estimands.measurement_number,
        estimands.headline_measure,
        max(estimands.measurement_number) over of_question as last_number,
        sum(case when items.comparability = 'comparable' then 0 else 1 end) over (
            partition by estimands.indicator_code, estimands.respondent_group
            order by estimands.measurement_number
            rows between unbounded preceding and current row
        ) as series,
        estimands.is_near_census
    from {{ ref('int_estimation__estimands') }} as estimands
    inner join {{ ref('dim_items') }} as items
        on
            estimands.wave_id = items.wave_id
            and estimands.indicator_code = items.indicator_code
            and estimands.respondent_group = items.respondent_group
    inner join {{ ref('dim_waves') }} as waves on estimands.wave_id = waves.wave_id
    where waves.closed_at is not null
    window of_question as (partition by estimands.indicator_code, estimands.respondent_group)

),

ranked as (

    select
        *,
        max(series) over (partition by indicator_code, respondent_group) as last_series
    from asked

),

final as (

    select
        estimand_key,
        indicator_code,
        respondent_group,
        wave_id,
        measurement_number,
        headline_measure
    from ranked
    where series = last_series and measurement_number > last_number - 3

)

select * from final

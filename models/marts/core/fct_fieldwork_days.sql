{#
    The fieldwork day by day, for who watches it: never published. A day has a row when somebody
    answered. The course of the previous wave at the same share of its fieldwork is what a group or
    samenwerkingsverband is held against.
#}
with waves as (

    select
        waves.wave_id,
        waves.measurement_number,
        waves.fieldwork_start,
        {{ dbt.datediff('waves.fieldwork_start', 'waves.fieldwork_end', 'day') }} + 1 as fieldwork_days  -- noqa: LT05
    from {{ ref('dim_waves') }} as waves

),

responses as (

    select
        responses.wave_id,
        responses.respondent_group,
        responses.swv_code,
        responses.is_complete,
        -- who answered outside the dates counts on the first or last day
        least(
            waves.fieldwork_days,
            greatest(
                1,
                {{ dbt.datediff(
                    'waves.fieldwork_start', 'coalesce(responses.completed_at, responses.started_at)', 'day'
                ) }} + 1
            )
        ) as fieldwork_day
    from {{ ref('fct_responses') }} as responses
    inner join waves on responses.wave_id = waves.wave_id
    -- whoever answered on a day that is not known is in no course
    where responses.is_kept and coalesce(responses.completed_at, responses.started_at) is not null

),

counted as (

    select
        responses.wave_id,
        responses.respondent_group,
        'all' as swv_code,
        responses.fieldwork_day,
        count(*) as responded,
        sum(case when responses.is_complete then 1 else 0 end) as complete
    from responses
    group by responses.wave_id, responses.respondent_group, responses.fieldwork_day
    union all
    select
        responses.wave_id,
        responses.respondent_group,
        responses.swv_code,
        responses.fieldwork_day,
        count(*) as responded,
        sum(case when responses.is_complete then 1 else 0 end) as complete
    from responses
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on responses.respondent_group = respondent_groups.respondent_group
    where respondent_groups.has_swv_breakdown and responses.swv_code is not null
    group by responses.wave_id, responses.respondent_group, responses.swv_code, responses.fieldwork_day

),

populations as (

    select
        wave_id,
        respondent_group,
        sum(population_units) as population_units
    from {{ ref('populations') }}
    where unit_of_count = 'respondent'
    group by wave_id, respondent_group

),

running as (

    select
        counted.wave_id,
        counted.respondent_group,
        counted.swv_code,
        counted.fieldwork_day,
        counted.responded,
        waves.measurement_number,
        waves.fieldwork_days,
        counted.fieldwork_day * 1e0 / waves.fieldwork_days as share_elapsed,
        sum(counted.responded) over so_far as responded_total,
        sum(counted.complete) over so_far as complete_total,
        case when counted.swv_code = 'all' then populations.population_units end as population_units
    from counted
    inner join waves on counted.wave_id = waves.wave_id
    left join populations
        on counted.wave_id = populations.wave_id and counted.respondent_group = populations.respondent_group
    window so_far as (
        partition by counted.wave_id, counted.respondent_group, counted.swv_code
        order by counted.fieldwork_day
        rows between unbounded preceding and current row
    )

),

-- what the previous wave had when as large a share of its fieldwork had passed, and at its end
previous as (

    select
        running.wave_id,
        running.respondent_group,
        running.swv_code,
        running.fieldwork_day,
        coalesce(
            max(case when earlier.share_elapsed <= running.share_elapsed then earlier.responded_total end), 0
        ) as responded_total,
        max(earlier.responded_total) as responded_at_close
    from running
    inner join running as earlier
        on
            running.measurement_number = earlier.measurement_number + 1
            and running.respondent_group = earlier.respondent_group
            and running.swv_code = earlier.swv_code
    group by running.wave_id, running.respondent_group, running.swv_code, running.fieldwork_day

),

expected as (

    select
        running.wave_id,
        running.respondent_group,
        running.swv_code,
        running.fieldwork_day,
        running.fieldwork_days,
        running.responded,
        running.responded_total,
        running.complete_total,
        running.population_units,
        previous.responded_total as previous_responded_total,
        -- along the course of the previous wave where there is one, else evenly
        least(
            coalesce(
                running.responded_total * 1e0 * previous.responded_at_close / nullif(previous.responded_total, 0),
                running.responded_total / running.share_elapsed
            ),
            coalesce(running.population_units, 1e9)
        ) as expected_at_close
    from running
    left join previous
        on
            running.wave_id = previous.wave_id
            and running.respondent_group = previous.respondent_group
            and running.swv_code = previous.swv_code
            and running.fieldwork_day = previous.fieldwork_day

),

final as (

    select
        wave_id,
        respondent_group,
        swv_code,
        cast(fieldwork_day as int) as fieldwork_day,
        cast(fieldwork_days as int) as fieldwork_days,
        cast(responded as bigint) as responded,
        cast(responded_total as bigint) as responded_total,
        cast(complete_total as bigint) as complete_total,
        cast(population_units as bigint) as population_units,
        responded_total * 1e0 / population_units as response_rate,
        expected_at_close,
        -- of a share of one half in a simple random sample of that size
        1.96e0 * sqrt(
            0.25e0 / expected_at_close
            * greatest(0e0, 1e0 - expected_at_close / coalesce(population_units, 1e12))
        ) as expected_margin,
        cast(previous_responded_total as bigint) as previous_responded_total,
        -- a handful more or less is chance
        previous_responded_total >= 10 and responded_total < 0.75e0 * previous_responded_total as is_lagging
    from expected

)

select * from final

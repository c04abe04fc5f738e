{#
    The fieldwork day by day, for who watches it: never published. Every day has a row, up to today or
    the end of the fieldwork, so that a group or samenwerkingsverband that falls silent stays in sight.
    The course of the previous wave at the same share of its fieldwork is what each is held against.
#}
with waves as (

    select
        wave_id,
        measurement_number,
        fieldwork_start,
        closed_at,
        {{ dbt.datediff(
            'fieldwork_start', 'fieldwork_end', 'day'
        ) }} + 1 as fieldwork_days,
        {{ dbt.datediff(
            'fieldwork_start', today(), 'day'
        ) }} + 1 as elapsed_days
    from {{ ref('dim_waves') }}

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

-- a wave of which nothing came has a course only while it is open
courses as (

    select
        waves.wave_id,
        waves.measurement_number,
        waves.fieldwork_days,
        earlier.fieldwork_days as previous_fieldwork_days,
        case
            when waves.closed_at is not null then waves.fieldwork_days
            else greatest(
                coalesce(max(counted.fieldwork_day), 0), least(waves.fieldwork_days, waves.elapsed_days)
            )
        end as last_day
    from waves
    left join counted on waves.wave_id = counted.wave_id
    left join waves as earlier on waves.measurement_number = earlier.measurement_number + 1
    where counted.wave_id is not null or waves.closed_at is null
    group by
        waves.wave_id,
        waves.measurement_number,
        waves.fieldwork_days,
        earlier.fieldwork_days,
        waves.closed_at,
        waves.elapsed_days

),

-- who is asked, and the samenwerkingsverbanden that answered in this wave or the one before
members as (

    select
        wave_id,
        respondent_group,
        'all' as swv_code
    from populations
    union distinct
    select
        wave_id,
        respondent_group,
        swv_code
    from counted
    union distinct
    select
        courses.wave_id,
        counted.respondent_group,
        counted.swv_code
    from counted
    inner join waves on counted.wave_id = waves.wave_id
    inner join courses on waves.measurement_number + 1 = courses.measurement_number
    where counted.swv_code <> 'all'

),

days as (

    select
        *,
        {{ one_to('last_day') }} as fieldwork_day
    from courses

),

running as (

    select
        days.wave_id,
        members.respondent_group,
        members.swv_code,
        days.fieldwork_day,
        days.measurement_number,
        days.fieldwork_days,
        days.previous_fieldwork_days,
        coalesce(counted.responded, 0) as responded,
        sum(coalesce(counted.responded, 0)) over so_far as responded_total,
        sum(coalesce(counted.complete, 0)) over so_far as complete_total,
        case when members.swv_code = 'all' then populations.population_units end as population_units
    from days
    inner join members on days.wave_id = members.wave_id
    left join counted
        on
            members.wave_id = counted.wave_id
            and members.respondent_group = counted.respondent_group
            and members.swv_code = counted.swv_code
            and days.fieldwork_day = counted.fieldwork_day
    left join populations
        on members.wave_id = populations.wave_id and members.respondent_group = populations.respondent_group
    window so_far as (
        partition by members.wave_id, members.respondent_group, members.swv_code
        order by days.fieldwork_day
        rows between unbounded preceding and current row
    )

),

at_close as (

    select
        measurement_number,
        respondent_group,
        swv_code,
        max(responded_total) as responded_total
    from running
    group by measurement_number, respondent_group, swv_code

),

-- what the previous wave had when as large a share of its fieldwork had passed, and at its end
compared as (

    select
        running.*,
        previous_close.responded_total as previous_at_close,
        case
            when previous_close.responded_total is not null then coalesce(previous.responded_total, 0)
        end as previous_responded_total
    from running
    left join at_close as previous_close
        on
            running.measurement_number = previous_close.measurement_number + 1
            and running.respondent_group = previous_close.respondent_group
            and running.swv_code = previous_close.swv_code
    left join running as previous
        on
            running.measurement_number = previous.measurement_number + 1
            and running.respondent_group = previous.respondent_group
            and running.swv_code = previous.swv_code
            and previous.fieldwork_day
            = floor(running.fieldwork_day * 1e0 * running.previous_fieldwork_days / running.fieldwork_days)

),

expected as (

    select
        *,
        -- along the course of the previous wave where there is one, else evenly
        least(
            coalesce(
                responded_total * 1e0 * previous_at_close / nullif(previous_responded_total, 0),
                responded_total * 1e0 * fieldwork_days / fieldwork_day
            ),
            coalesce(population_units, 1e9)
        ) as expected_at_close
    from compared

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
            0.25e0 / nullif(expected_at_close, 0)
            * greatest(0e0, 1e0 - expected_at_close / coalesce(population_units, 1e12))
        ) as expected_margin,
        cast(previous_responded_total as bigint) as previous_responded_total,
        -- a handful more or less is chance
        previous_responded_total >= 10 and responded_total < 0.75e0 * previous_responded_total as is_lagging
    from expected

)

select * from final

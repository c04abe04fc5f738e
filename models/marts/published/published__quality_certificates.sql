-- what became of the deliveries of closed waves, and what both gates found, in numbers and in a sentence
{%- set slots_nl = {'voice': 'voices.voice_nl', 'wave': 'certified.wave_nl'} -%}
{%- set slots_en = {'voice': 'voices.voice_en', 'wave': 'certified.wave_en'} -%}
{%- set numbers = {
    'landed': 'rows_landed', 'kept': 'rows_kept',
    'run': 'checks_run', 'passed': 'checks_passed', 'warned': 'checks_warned',
} -%}
{%- for slot, column in numbers.items() -%}
    {%- set text = 'cast(certified.' ~ column ~ ' as ' ~ dbt.type_string() ~ ')' -%}
    {%- do slots_nl.update({slot: text}) -%}
    {%- do slots_en.update({slot: text}) -%}
{%- endfor %}
with closed_waves as (

    select * from {{ ref('dim_waves') }}
    where closed_at is not null

),

accepted as (

    select * from {{ ref('stg_survey__deliveries') }}
    where status = 'accepted'

),

kept as (

    select
        delivery_id,
        sum(case when is_kept then 1 else 0 end) as row_count
    from {{ ref('fct_responses') }}
    group by delivery_id

),

quarantined as (

    select
        delivery_id,
        count(*) as value_count
    from {{ ref('quarantined_values') }}
    group by delivery_id

),

results as (

    select
        gate,
        wave_id,
        respondent_group,
        count(*) as run,
        sum(case when success then 1 else 0 end) as passed
    from {{ ref('published__quality_results') }}
    group by gate, wave_id, respondent_group

),

-- the checks of the publication are about all waves and groups
publication as (

    select
        coalesce(sum(run), 0) as run,
        coalesce(sum(passed), 0) as passed
    from results
    where gate = 'publication'

),

counted as (

    select
        accepted.wave_id,
        accepted.respondent_group,
        count(*) as deliveries,
        {{ round_count('sum(accepted.row_count)') }} as rows_landed,
        {{ round_count('coalesce(sum(kept.row_count), 0)') }} as rows_kept,
        {{ round_count('coalesce(sum(quarantined.value_count), 0)') }} as values_quarantined
    from accepted
    left join kept on accepted.delivery_id = kept.delivery_id
    left join quarantined on accepted.delivery_id = quarantined.delivery_id
    group by accepted.wave_id, accepted.respondent_group

),

checked as (

    select
        counted.*,
        lower(closed_waves.label_nl) as wave_nl,
        lower(closed_waves.label_en) as wave_en,
        coalesce(results.run, 0) + publication.run as checks_run,
        coalesce(results.passed, 0) + publication.passed as checks_passed
    from counted
    inner join closed_waves on counted.wave_id = closed_waves.wave_id
    left join results
        on
            counted.wave_id = results.wave_id
            and counted.respondent_group = results.respondent_group
            and results.gate = 'raw'
    cross join publication

),

certified as (

    select
        *,
        checks_run - checks_passed as checks_warned,
        case checks_run - checks_passed
            when 0 then 'passed'
            when 1 then 'warned_once'
            else 'warned'
        end as outcome
    from checked

),

final as (

    select
        certified.wave_id,
        certified.respondent_group,
        cast(certified.deliveries as bigint) as deliveries,
        certified.rows_landed,
        certified.rows_kept,
        cast(certified.rows_landed - certified.rows_kept as bigint) as rows_dropped,
        certified.values_quarantined,
        cast(certified.checks_run as bigint) as checks_run,
        cast(certified.checks_passed as bigint) as checks_passed,
        cast(certified.checks_warned as bigint) as checks_warned,
        {{ fill_slots('phrases.phrase_nl', slots_nl) }} as meaning_nl,
        {{ fill_slots('phrases.phrase_en', slots_en) }} as meaning_en
    from certified
    inner join {{ ref('group_voices') }} as voices on certified.respondent_group = voices.respondent_group
    inner join {{ ref('certificate_phrases') }} as phrases on certified.outcome = phrases.outcome

)

select * from final

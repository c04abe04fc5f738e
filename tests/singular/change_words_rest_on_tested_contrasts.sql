-- What: a statement with a word of change (seeds/codebook/change_words.csv) has, for every figure that it requires, a
-- significant contrast with the previous wave in that direction; a published one has a published contrast.
-- When it matters: "more than" without a test is noise told as news, and a clause on a withheld change discloses it.
-- How to resolve: take the word out of claim_templates.csv, qualifiers.csv or group_voices.csv, or mend the models.
{{ config(meta={'dagster': {'ref': {'name': 'published__fct_summary_statements'}}}) }}

with rendered as (

    select
        'indicators' as layer,
        wave_id,
        claim_id,
        respondent_group,
        lower(
            sentence_nl || ' ' || sentence_en || ' ' || coalesce(change_nl, '') || ' ' || coalesce(change_en, '')
        ) as words
    from {{ ref('fct_summary_statements') }}
    union all
    select
        'published' as layer,
        wave_id,
        claim_id,
        respondent_group,
        lower(sentence_nl || ' ' || sentence_en) as words
    from {{ ref('published__fct_summary_statements') }}

),

spoken as (

    select
        rendered.*,
        change_words.word,
        change_words.direction
    from rendered
    inner join {{ ref('change_words') }} as change_words on rendered.words like '%' || change_words.word || '%'

),

contrasts as (

    select
        'indicators' as layer,
        wave_id,
        baseline_wave_id,
        indicator_code,
        respondent_group,
        measure,
        change
    from {{ ref('fct_indicator_changes') }}
    where breakdown = 'total' and is_significant
    union all
    select
        'published' as layer,
        wave_id,
        baseline_wave_id,
        indicator_code,
        respondent_group,
        measure,
        change
    from {{ ref('published__fct_indicator_changes') }}
    where breakdown = 'total' and is_significant and not is_suppressed

),

previous_waves as (

    select
        wave_id,
        lag(wave_id) over (order by measurement_number) as previous_wave_id
    from {{ ref('dim_waves') }}

),

required_figures as (

    select
        claim_id,
        respondent_group,
        indicator_code,
        measure
    from {{ ref('claim_indicators') }}
    where
        is_required
        or claim_id || ' ' || respondent_group not in (
            select claim_id || ' ' || respondent_group from {{ ref('claim_indicators') }}
            where is_required
        )

),

unsupported as (

    select
        spoken.layer,
        spoken.wave_id,
        spoken.claim_id,
        spoken.respondent_group,
        spoken.word,
        spoken.words
    from spoken
    inner join previous_waves on spoken.wave_id = previous_waves.wave_id
    inner join required_figures
        on spoken.claim_id = required_figures.claim_id and spoken.respondent_group = required_figures.respondent_group
    left join contrasts
        on
            spoken.layer = contrasts.layer
            and spoken.wave_id = contrasts.wave_id
            and previous_waves.previous_wave_id = contrasts.baseline_wave_id
            and required_figures.indicator_code = contrasts.indicator_code
            and required_figures.respondent_group = contrasts.respondent_group
            and required_figures.measure = contrasts.measure
    group by spoken.layer, spoken.wave_id, spoken.claim_id, spoken.respondent_group, spoken.word, spoken.words
    having
        count(contrasts.change) < count(*)
        or (min(contrasts.change) <= 0 and max(contrasts.change) >= 0)
        or (max(spoken.direction) = 'increase' and min(contrasts.change) <= 0)
        or (max(spoken.direction) = 'decrease' and max(contrasts.change) >= 0)

)

select * from unsupported

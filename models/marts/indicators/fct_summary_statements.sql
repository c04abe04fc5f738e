with estimates as (

    select * from {{ ref('fct_indicator_estimates') }}
    where breakdown = 'total'

),

-- a figure that a measured group was not asked for stays as a gap: the statement cannot be made
measured as (

    select distinct
        wave_id,
        respondent_group
    from estimates

),

-- the tested contrasts with the previous wave: 1 up, -1 down, 0 none demonstrated
changes as (

    select
        changes.wave_id,
        changes.indicator_code,
        changes.respondent_group,
        changes.measure,
        case
            when changes.is_significant and changes.change > 0 then 1
            when changes.is_significant and changes.change < 0 then -1
            else 0
        end as direction
    from {{ ref('fct_indicator_changes') }} as changes
    inner join {{ ref('dim_waves') }} as waves on changes.wave_id = waves.wave_id
    inner join {{ ref('dim_waves') }} as previous_waves
        on
            changes.baseline_wave_id = previous_waves.wave_id
            and waves.measurement_number = previous_waves.measurement_number + 1
    where changes.breakdown = 'total'

),

-- what a statement of a group rests on: the required figures, or all where none is required
figures as (

    select
        *,
        is_required or max(case when is_required then 1 else 0 end) over (partition by claim_id, respondent_group) = 0
            as is_decisive
    from {{ ref('claim_indicators') }}

),

evidence as (

    select
        measured.wave_id,
        figures.claim_id,
        figures.respondent_group,
        figures.is_required,
        figures.is_decisive,
        figures.is_low_exclusive,
        figures.measure = 'share_endorsed' as is_share,
        figures.range_low,
        figures.range_high,
        estimates.estimate_id,
        estimates.estimate,
        estimates.n_respondents,
        estimates.rounding_step,
        estimates.estimate <= figures.range_high
        and (
            estimates.estimate > figures.range_low
            or (estimates.estimate = figures.range_low and not figures.is_low_exclusive)
        ) as is_in_range,
        -- a mark takes its place on the ladder of shares by its place on its own scale
        case
            when figures.measure = 'share_endorsed' then estimates.estimate
            else (estimates.estimate - scales.min_score) / nullif(scales.max_score - scales.min_score, 0)
        end as place,
        estimates.estimate is null or estimates.reliability = 'unreliable' as is_silent,
        coalesce(changes.direction, 0) as direction
    from figures
    inner join measured on figures.respondent_group = measured.respondent_group
    inner join {{ ref('indicators') }} as indicators on figures.indicator_code = indicators.indicator_code
    inner join {{ ref('scales') }} as scales on indicators.scale = scales.scale
    left join estimates
        on
            measured.wave_id = estimates.wave_id
            and figures.indicator_code = estimates.indicator_code
            and figures.respondent_group = estimates.respondent_group
            and figures.measure = estimates.measure
    left join changes
        on
            measured.wave_id = changes.wave_id
            and figures.indicator_code = changes.indicator_code
            and figures.respondent_group = changes.respondent_group
            and figures.measure = changes.measure

),

summed as (

    select
        wave_id,
        claim_id,
        respondent_group,
        max(case when is_decisive and is_silent then 1 else 0 end) = 1 as is_silent,
        max(case when is_decisive and estimate is null then 1 else 0 end) = 1 as is_incomplete,
        -- the figure of a sentence: the mean of the shares that it rests on, marks apart
        {{ exact_sum("case when is_decisive and is_share then estimate end") }}
        / nullif(sum(case when is_decisive and is_share then 1 else 0 end), 0) as estimate,
        {{ exact_sum("case when is_decisive then place end") }}
        / nullif(sum(case when is_decisive then 1 else 0 end), 0) as place,
        max(case when is_decisive and is_share then range_low end) as range_low,
        min(case when is_decisive and is_share then range_high end) as range_high,
        max(case when is_decisive and is_share and is_low_exclusive then 1 else 0 end) = 1 as is_low_exclusive,
        min(case when is_in_range or not is_decisive then 1 else 0 end) = 1 as is_in_range,
        min(case when is_in_range or not is_required then 1 else 0 end) = 1 as is_consistent,
        min(case when is_decisive then direction end) as lowest_direction,
        max(case when is_decisive then direction end) as highest_direction,
        min(n_respondents) as n_respondents,
        -- the coarsest step of the shares behind the figure
        max(case when is_decisive and is_share then rounding_step end) as rounding_step,
        {{ ordered_string_agg('estimate_id') }} as estimate_ids
    from evidence
    group by wave_id, claim_id, respondent_group
    having count(estimate_id) > 0

),

-- the words of wave 1 stay while the figures earn them; then the ladder of their family decides
judged as (

    select
        *,
        case
            when is_silent then 'no_statement'
            when
                is_in_range
                or (place <= range_high and (place > range_low or (place = range_low and not is_low_exclusive)))
                then 'own_word'
            else 'ladder'
        end as wording,
        case
            when is_silent then null
            when lowest_direction = 1 then 'increase'
            when highest_direction = -1 then 'decrease'
        end as occasion
    from summed

),

worded as (

    select
        judged.*,
        claims.goal_id,
        qualifiers.label_nl as qualifier_nl,
        qualifiers.label_en as qualifier_en,
        coalesce(qualifiers.phrase_nl, qualifiers.label_nl) as phrase_nl,
        coalesce(qualifiers.phrase_en, qualifiers.label_en) as phrase_en,
        voices.voice_nl,
        voices.voice_en,
        templates.subject_nl,
        templates.subject_en,
        coalesce(silences.phrase_nl, templates.template_nl) as template_nl,
        coalesce(silences.phrase_en, templates.template_en) as template_en,
        change_phrases.phrase_nl as change_template_nl,
        change_phrases.phrase_en as change_template_en
    from judged
    inner join {{ ref('claims') }} as claims on judged.claim_id = claims.claim_id
    inner join {{ ref('claim_templates') }} as templates on judged.claim_id = templates.claim_id
    inner join {{ ref('group_voices') }} as voices on judged.respondent_group = voices.respondent_group
    left join {{ ref('qualifier_ladder') }} as ladder
        on
            judged.wording = 'ladder'
            and templates.family = ladder.family
            and (judged.place > ladder.range_low or (judged.place = 0 and ladder.range_low = 0))
            and judged.place <= ladder.range_high
    left join {{ ref('qualifiers') }} as qualifiers
        on qualifiers.qualifier = case judged.wording when 'own_word' then claims.qualifier else ladder.qualifier end
    left join {{ ref('statement_phrases') }} as silences on judged.wording = silences.occasion
    left join {{ ref('statement_phrases') }} as change_phrases on judged.occasion = change_phrases.occasion

),

final as (

    select
        wave_id,
        claim_id,
        respondent_group,
        goal_id,
        {{ render_sentence('template_nl', 'phrase_nl', 'voice_nl', 'subject_nl') }} as sentence_nl,
        {{ render_sentence('template_en', 'phrase_en', 'voice_en', 'subject_en') }} as sentence_en,
        qualifier_nl,
        qualifier_en,
        {{ render_sentence('change_template_nl', 'phrase_nl', 'voice_nl', 'subject_nl') }} as change_nl,
        {{ render_sentence('change_template_en', 'phrase_en', 'voice_en', 'subject_en') }} as change_en,
        case when not is_incomplete then estimate end as estimate,
        n_respondents,
        case when not is_silent then is_consistent end as is_consistent,
        estimate_ids,
        case when not is_incomplete then rounding_step end as rounding_step
    from worded

)

select * from final

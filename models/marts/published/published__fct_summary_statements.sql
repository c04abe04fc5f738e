with statements as (

    select
        statements.*,
        waves.measurement_number
    from {{ ref('fct_summary_statements') }} as statements
    inner join {{ ref('dim_waves') }} as waves on statements.wave_id = waves.wave_id
    where waves.closed_at is not null

),

-- a sentence says nothing when one of its figures is suppressed
suppressed as (

    select distinct
        claim_indicators.claim_id,
        estimates.wave_id,
        estimates.respondent_group
    from {{ ref('claim_indicators') }} as claim_indicators
    inner join {{ ref('published__fct_indicator_estimates') }} as estimates
        on
            claim_indicators.indicator_code = estimates.indicator_code
            and claim_indicators.respondent_group = estimates.respondent_group
            and claim_indicators.measure = estimates.measure
    where estimates.breakdown = 'total' and estimates.is_suppressed

),

-- a figure may not contradict the word that it was given on all its digits
sides as (

    select
        statements.wave_id,
        statements.claim_id,
        statements.respondent_group,
        {{ side_of_thresholds('statements.estimate', 'statements.rounding_step') }} as side
    from statements
    inner join {{ ref('claim_indicators') }} as claim_indicators
        on
            statements.claim_id = claim_indicators.claim_id
            and statements.respondent_group = claim_indicators.respondent_group
            and claim_indicators.measure = 'share_endorsed'
    inner join {{ ref('published__thresholds') }} as thresholds
        on
            claim_indicators.indicator_code = thresholds.indicator_code
            and claim_indicators.respondent_group = thresholds.respondent_group
            and claim_indicators.measure = thresholds.measure
    group by statements.wave_id, statements.claim_id, statements.respondent_group

),

-- what a statement of a group rests on, as in the mart
figures as (

    select
        *,
        is_required or max(case when is_required then 1 else 0 end) over (partition by claim_id, respondent_group) = 0
            as is_decisive
    from {{ ref('claim_indicators') }}

),

-- nor does it speak of a change that readers cannot look up, or that the published tests do not bear
unpublished_changes as (

    select distinct
        statements.wave_id,
        statements.claim_id,
        statements.respondent_group
    from statements
    inner join {{ ref('dim_waves') }} as previous_waves
        on statements.measurement_number = previous_waves.measurement_number + 1
    inner join figures
        on
            statements.claim_id = figures.claim_id
            and statements.respondent_group = figures.respondent_group
    left join {{ ref('published__fct_indicator_changes') }} as changes
        on
            statements.wave_id = changes.wave_id
            and previous_waves.wave_id = changes.baseline_wave_id
            and figures.indicator_code = changes.indicator_code
            and figures.respondent_group = changes.respondent_group
            and figures.measure = changes.measure
            and changes.breakdown = 'total'
            and not changes.is_suppressed
            and (changes.is_significant or not figures.is_decisive)
    where changes.wave_id is null

),

final as (

    select
        statements.wave_id,
        statements.claim_id,
        statements.respondent_group,
        statements.goal_id,
        case
            when suppressed.claim_id is not null then null
            when unpublished_changes.claim_id is not null then statements.sentence_nl
            else statements.sentence_nl || coalesce(' ' || statements.change_nl, '')
        end as sentence_nl,
        case
            when suppressed.claim_id is not null then null
            when unpublished_changes.claim_id is not null then statements.sentence_en
            else statements.sentence_en || coalesce(' ' || statements.change_en, '')
        end as sentence_en,
        case when suppressed.claim_id is null then statements.qualifier_nl end as qualifier_nl,
        case when suppressed.claim_id is null then statements.qualifier_en end as qualifier_en,
        case
            when suppressed.claim_id is null
                then round(
                    {{ on_step('statements.estimate', 'statements.rounding_step') }}
                    + coalesce(sides.side, 0) * statements.rounding_step, 9
                )
        end as estimate,
        case when suppressed.claim_id is null then {{ round_count('statements.n_respondents') }} end as n_respondents,
        case when suppressed.claim_id is null then statements.is_consistent end as is_consistent,
        suppressed.claim_id is not null as is_suppressed,
        case when suppressed.claim_id is not null then 'derived' end as suppression_reason,
        statements.estimate_ids,
        case when suppressed.claim_id is null then statements.rounding_step end as rounding_step
    from statements
    left join sides
        on
            statements.claim_id = sides.claim_id
            and statements.wave_id = sides.wave_id
            and statements.respondent_group = sides.respondent_group
    left join suppressed
        on
            statements.claim_id = suppressed.claim_id
            and statements.wave_id = suppressed.wave_id
            and statements.respondent_group = suppressed.respondent_group
    left join unpublished_changes
        on
            statements.claim_id = unpublished_changes.claim_id
            and statements.wave_id = unpublished_changes.wave_id
            and statements.respondent_group = unpublished_changes.respondent_group

)

select * from final

with statements as (

    select statements.*
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

final as (

    select
        statements.wave_id,
        statements.claim_id,
        statements.respondent_group,
        statements.goal_id,
        statements.sentence_nl,
        statements.sentence_en,
        statements.qualifier_nl,
        statements.qualifier_en,
        case when suppressed.claim_id is null then statements.estimate end as estimate,
        case when suppressed.claim_id is null then {{ round_count('statements.n_respondents') }} end as n_respondents,
        case when suppressed.claim_id is null then statements.is_consistent end as is_consistent,
        statements.estimate_ids
    from statements
    left join suppressed
        on
            statements.claim_id = suppressed.claim_id
            and statements.wave_id = suppressed.wave_id
            and statements.respondent_group = suppressed.respondent_group

)

select * from final

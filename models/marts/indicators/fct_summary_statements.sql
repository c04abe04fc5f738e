with estimates as (

    select * from {{ ref('fct_indicator_estimates') }}
    where breakdown = 'total'

),

evidence as (

    select
        estimates.wave_id,
        claim_indicators.claim_id,
        claim_indicators.respondent_group,
        claim_indicators.measure,
        claim_indicators.is_required,
        estimates.estimate,
        estimates.n_respondents,
        estimates.estimate_id,
        estimates.estimate <= claim_indicators.range_high
        and (
            estimates.estimate > claim_indicators.range_low
            or (estimates.estimate = claim_indicators.range_low and not claim_indicators.is_low_exclusive)
        ) as is_in_range,
        max(case when claim_indicators.is_required then 1 else 0 end) over (
            partition by estimates.wave_id, claim_indicators.claim_id, claim_indicators.respondent_group
        ) = 1 as has_required
    from {{ ref('claim_indicators') }} as claim_indicators
    inner join estimates
        on
            claim_indicators.indicator_code = estimates.indicator_code
            and claim_indicators.respondent_group = estimates.respondent_group
            and claim_indicators.measure = estimates.measure

),

-- the figure of a sentence: the mean of the shares that it rests on, marks apart
statements as (

    select
        wave_id,
        claim_id,
        respondent_group,
        {{ exact_sum("case when measure = 'share_endorsed' and (is_required or not has_required) then estimate end") }}
        / nullif(sum(case when measure = 'share_endorsed' and (is_required or not has_required) then 1 else 0 end), 0)
            as estimate,
        min(n_respondents) as n_respondents,
        min(case when is_in_range or not is_required then 1 else 0 end) = 1 as is_consistent,
        {{ ordered_string_agg('estimate_id') }} as estimate_ids
    from evidence
    group by wave_id, claim_id, respondent_group

),

final as (

    select
        statements.wave_id,
        statements.claim_id,
        statements.respondent_group,
        claims.goal_id,
        claims.sentence_nl,
        claims.sentence_en,
        qualifiers.label_nl as qualifier_nl,
        qualifiers.label_en as qualifier_en,
        statements.estimate,
        statements.n_respondents,
        statements.is_consistent,
        statements.estimate_ids
    from statements
    inner join {{ ref('claims') }} as claims on statements.claim_id = claims.claim_id
    inner join {{ ref('qualifiers') }} as qualifiers on claims.qualifier = qualifiers.qualifier

)

select * from final

-- What: a finding has figures to rest on, each of an indicator of its goal that the group answers; a range is a range.
-- When it matters: a statement without figures is never rendered, one with a wrong figure says something untrue.
-- How to resolve: correct seeds/codebook/claim_indicators.csv.
{{ config(meta={'dagster': {'ref': {'name': 'claims'}}}) }}

select
    claims.claim_id,
    claim_indicators.indicator_code,
    claim_indicators.respondent_group
from {{ ref('claims') }} as claims
left join {{ ref('claim_indicators') }} as claim_indicators on claims.claim_id = claim_indicators.claim_id
left join {{ ref('indicators') }} as indicators on claim_indicators.indicator_code = indicators.indicator_code
left join {{ ref('indicator_groups') }} as indicator_groups
    on
        claim_indicators.indicator_code = indicator_groups.indicator_code
        and claim_indicators.respondent_group = indicator_groups.respondent_group
where
    (
        claims.kind = 'finding'
        and (
            claim_indicators.claim_id is null
            or claims.qualifier is null
            or claims.goal_id <> indicators.goal_id
            or indicator_groups.indicator_code is null
            or claim_indicators.range_low >= claim_indicators.range_high
        )
    )
    or (claims.kind = 'structure' and claim_indicators.claim_id is not null)

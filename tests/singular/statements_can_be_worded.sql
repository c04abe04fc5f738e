-- What: each finding has a template with a slot for its qualifier, and for the voice of the group where several groups
-- speak; each of its groups has a voice; each ladder covers the shares from 0 to 1 once, and offers the word of wave 1
-- only within the range of the claim.
-- When it matters: a statement without words is lost, one with a gap asserts what the figures do not say, and the words
-- of wave 1 would stand beside figures that contradict them.
-- How to resolve: correct claim_templates.csv, group_voices.csv or qualifier_ladder.csv in seeds/codebook.
{{ config(meta={'dagster': {'ref': {'name': 'claim_templates'}}}) }}

with steps as (

    select
        *,
        coalesce(lag(range_high) over (partition by family order by range_low, range_high), 0) as previous_high,
        lead(range_high) over (partition by family order by range_low, range_high) as next_high
    from {{ ref('qualifier_ladder') }}

),

figures as (

    select
        *,
        min(respondent_group) over claim <> max(respondent_group) over claim as has_several_groups
    from {{ ref('claim_indicators') }}
    window claim as (partition by claim_id)

)

select
    'step of a ladder' as kind,
    family || ' ' || qualifier as place
from steps
where range_low <> previous_high or range_low >= range_high or (next_high is null and range_high <> 1)
union all
select
    'template of a claim' as kind,
    claims.claim_id as place
from {{ ref('claims') }} as claims
left join {{ ref('claim_templates') }} as templates on claims.claim_id = templates.claim_id
where
    claims.kind = 'finding'
    and (
        templates.claim_id is null
        or templates.template_nl not like '% {qualifier}%'
        or templates.template_en not like '% {qualifier}%'
    )
union all
select distinct
    'voice of a group' as kind,
    figures.claim_id || ' ' || figures.respondent_group as place
from figures
left join {{ ref('group_voices') }} as voices on figures.respondent_group = voices.respondent_group
left join {{ ref('claim_templates') }} as templates on figures.claim_id = templates.claim_id
where
    voices.respondent_group is null
    or (
        figures.has_several_groups
        and (templates.template_nl not like '%{voice}%' or templates.template_en not like '%{voice}%')
    )
union all
select distinct
    'word of wave 1 out of its range' as kind,
    figures.claim_id || ' ' || claims.qualifier as place
from figures
inner join {{ ref('claims') }} as claims on figures.claim_id = claims.claim_id
inner join {{ ref('claim_templates') }} as templates on figures.claim_id = templates.claim_id
inner join steps on templates.family = steps.family and claims.qualifier = steps.qualifier
where
    figures.measure = 'share_endorsed'
    and (steps.range_low < figures.range_low or steps.range_high > figures.range_high)

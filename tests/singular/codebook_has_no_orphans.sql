-- What: every row of the codebook is used: items, scales, qualifiers, indicators, groups, goals.
-- When it matters: an orphan is a typing error in what should have used it, or a leftover.
-- How to resolve: use it, or delete it.
{{ config(meta={'dagster': {'ref': {'name': 'items'}}}) }}

select
    'item' as kind,
    item_code as orphan
from {{ ref('items') }}
where
    item_code not in (
        select item_code from {{ ref('variables') }}
        where item_code is not null
    )
union all
select
    'scale' as kind,
    scale as orphan
from {{ ref('scales') }}
where
    scale not in (
        select scale from {{ ref('variables') }}
        where scale is not null
    )
    or scale not in (select scale from {{ ref('scale_options') }})
union all
select
    'qualifier' as kind,
    qualifier as orphan
from {{ ref('qualifiers') }}
where
    qualifier not in (
        select qualifier from {{ ref('claims') }}
        where qualifier is not null
    )
    and qualifier not in (select qualifier from {{ ref('qualifier_ladder') }})
union all
select
    'indicator' as kind,
    indicator_code as orphan
from {{ ref('indicators') }}
where
    indicator_code not in (
        select indicator_code from {{ ref('indicator_groups') }}
    )
union all
select
    'headline indicator without claim' as kind,
    indicator_code as orphan
from {{ ref('indicators') }}
where is_headline and indicator_code not in (select indicator_code from {{ ref('claim_indicators') }})
union all
select
    'goal' as kind,
    cast(goal_id as {{ dbt.type_string() }}) as orphan
from {{ ref('goals') }}
where
    goal_id not in (
        select goal_id from {{ ref('indicators') }}
    )
union all
select
    'respondent group' as kind,
    respondent_group as orphan
from {{ ref('respondent_groups') }}
where
    respondent_group not in (
        select respondent_group from {{ ref('indicator_groups') }}
    )

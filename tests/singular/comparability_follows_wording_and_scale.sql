-- What: the codebook calls an item comparable exactly when wording and scale are those of the previous wave.
-- When it matters: a trend over a reworded question is no trend.
-- How to resolve: correct is_comparable in seeds/codebook/variables.csv, or the wording version in items.csv.
{{ config(meta={'dagster': {'ref': {'name': 'dim_items'}}}) }}

select
    variables.wave_id,
    variables.respondent_group,
    variables.variable,
    variables.is_comparable,
    items.comparability
from {{ ref('variables') }} as variables
inner join {{ ref('items') }} as wordings on variables.item_code = wordings.item_code
inner join {{ ref('dim_items') }} as items
    on
        variables.wave_id = items.wave_id
        and wordings.indicator_code = items.indicator_code
        and variables.respondent_group = items.respondent_group
where variables.is_comparable <> (items.comparability = 'comparable')

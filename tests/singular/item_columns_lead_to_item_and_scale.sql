-- What: a column with role item has an item of its own group, the scale of its indicator, and what
-- decoding needs to know.
-- When it matters: otherwise its answers are decoded by the wrong scale, or counted for another question.
-- How to resolve: correct the row in seeds/codebook/variables.csv, or add the item to items.csv.
{{ config(meta={'dagster': {'ref': {'name': 'variables'}}}) }}

select
    variables.wave_id,
    variables.respondent_group,
    variables.variable,
    variables.item_code,
    variables.scale
from {{ ref('variables') }} as variables
left join {{ ref('items') }} as items on variables.item_code = items.item_code
left join {{ ref('indicators') }} as indicators on items.indicator_code = indicators.indicator_code
where
    (
        variables.role = 'item'
        and (
            items.item_code is null
            or items.respondent_group <> variables.respondent_group
            or variables.scale is null
            or variables.scale <> indicators.scale
            or variables.answers_as is null
            or variables.is_reversed is null
            or variables.is_comparable is null
            or variables.is_core is null
        )
    )
    or (variables.role <> 'item' and variables.item_code is not null)
    or (variables.scale is not null and variables.answers_as is null)

select
    decoded.respondent_key,
    decoded.item_code,
    decoded.wave_id,
    decoded.respondent_group,
    items.indicator_code,
    decoded.answer_value,
    decoded.score,
    decoded.missing_reason
from {{ ref('int_answers__decoded') }} as decoded
inner join {{ ref('int_respondents__weighted') }} as respondents
    on decoded.respondent_key = respondents.respondent_key
inner join {{ ref('items') }} as items on decoded.item_code = items.item_code
where decoded.role = 'item'

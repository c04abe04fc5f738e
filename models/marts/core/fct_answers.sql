select
    decoded.respondent_key,
    decoded.item_code,
    decoded.wave_id,
    decoded.respondent_group,
    decoded.indicator_code,
    decoded.answer_value,
    decoded.score,
    decoded.missing_reason
from {{ ref('int_answers__decoded') }} as decoded
inner join {{ ref('int_respondents__weighted') }} as respondents
    on decoded.respondent_key = respondents.respondent_key
where decoded.item_code is not null

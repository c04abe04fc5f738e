select
    decoded.respondent_key,
    variables.item_code,
    variables.wave_id,
    variables.respondent_group,
    variables.indicator_code,
    decoded.answer_value,
    decoded.score,
    decoded.missing_reason
from {{ ref('int_answers__decoded') }} as decoded
inner join {{ ref('int_codebook__variables') }} as variables on decoded.variable_key = variables.variable_key
inner join {{ ref('int_respondents__weighted') }} as respondents
    on decoded.respondent_key = respondents.respondent_key

select
    respondents.delivery_id,
    respondents.row_number,
    variables.variable,
    variables.wave_id,
    variables.respondent_group,
    variables.item_code,
    answers.delivered_value,
    'no answer of scale ' || variables.scale as rule
from {{ ref('int_answers__decoded') }} as answers
inner join {{ ref('int_codebook__variables') }} as variables on answers.variable_key = variables.variable_key
inner join {{ ref('int_respondents__deduplicated') }} as respondents
    on answers.respondent_key = respondents.respondent_key
where answers.missing_reason = 'invalid'

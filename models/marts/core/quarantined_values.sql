select
    delivery_id,
    row_number,
    variable,
    wave_id,
    respondent_group,
    item_code,
    delivered_value,
    'no answer of scale ' || scale as rule
from {{ ref('int_answers__decoded') }}
where missing_reason = 'invalid'

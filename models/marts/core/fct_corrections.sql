select
    correction_file_id,
    line_number,
    wave_id,
    respondent_group,
    delivery_id,
    row_number,
    variable,
    old_value,
    new_value,
    reason,
    requested_by_role,
    requested_on,
    status,
    is_in_effect
from {{ ref('stg_survey__corrections') }}

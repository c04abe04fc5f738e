select
    wave_id,
    measurement_number,
    label_nl,
    label_en,
    fieldwork_start,
    fieldwork_end,
    closed_at,
    is_assumed,
    source
from {{ ref('waves') }}

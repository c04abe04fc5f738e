select
    swv_code,
    sector,
    region,
    valid_from,
    valid_to,
    is_assumed,
    source
from {{ ref('samenwerkingsverbanden') }}

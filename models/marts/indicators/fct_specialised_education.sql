select
    series,
    period,
    source,
    edition,
    value,
    status,
    source_url,
    note
from {{ ref('national_series') }}

select
    release_id,
    code_version,
    codebook_hash,
    deliveries_hash,
    corrections_hash,
    is_synthetic
from {{ source('audit', 'publication') }}

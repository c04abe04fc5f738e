select
    respondent_groups.respondent_group,
    respondent_groups.label_nl,
    respondent_groups.label_en,
    respondent_groups.design,
    waves.wave_id as first_wave_id
from {{ ref('respondent_groups') }} as respondent_groups
inner join {{ ref('waves') }} as waves on respondent_groups.first_measurement = waves.measurement_number

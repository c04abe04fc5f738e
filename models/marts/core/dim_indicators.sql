select
    indicator_code,
    goal_id,
    label_nl,
    label_en,
    kind,
    direction,
    headline_measure,
    is_headline,
    dont_know_rule,
    verdict_2022
from {{ ref('indicators') }}

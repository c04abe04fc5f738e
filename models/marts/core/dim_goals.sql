select
    goal_id,
    label_nl,
    label_en
from {{ ref('goals') }}

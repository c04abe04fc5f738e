-- What: a group that is counted per school or samenwerkingsverband is clustered by the same.
-- When it matters: the marts count such units as PSUs.
-- How to resolve: correct unit_of_count in indicator_groups.csv or psu_attribute in respondent_groups.csv.
{{ config(meta={'dagster': {'ref': {'name': 'indicator_groups'}}}) }}

select
    indicator_groups.indicator_code,
    indicator_groups.respondent_group,
    indicator_groups.unit_of_count,
    respondent_groups.psu_attribute
from {{ ref('indicator_groups') }} as indicator_groups
inner join {{ ref('respondent_groups') }} as respondent_groups
    on indicator_groups.respondent_group = respondent_groups.respondent_group
where
    indicator_groups.unit_of_count <> 'respondent'
    and coalesce(respondent_groups.psu_attribute, '')
    <> case indicator_groups.unit_of_count when 'school' then 'school_code' else 'swv' end

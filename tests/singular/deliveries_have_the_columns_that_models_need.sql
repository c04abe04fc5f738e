-- What: each wave and group has the columns that tell respondents apart, date them, stratify and cluster them.
-- When it matters: without login no duplicate is found, without sector or region nobody can be weighted.
-- How to resolve: add the attribute to the right column in seeds/codebook/variables.csv.
{{ config(meta={'dagster': {'ref': {'name': 'respondent_groups'}}}) }}

with groups_asked as (

    select
        waves.wave_id,
        respondent_groups.respondent_group,
        respondent_groups.stratum_by,
        respondent_groups.psu_attribute
    from {{ ref('respondent_groups') }} as respondent_groups
    inner join {{ ref('waves') }} as waves on respondent_groups.first_measurement <= waves.measurement_number

),

needed as (

    select
        groups_asked.wave_id,
        groups_asked.respondent_group,
        attributes.attribute
    from groups_asked
    cross join (
        select 'login' as attribute
        union all
        select 'data_source' as attribute
        union all
        select 'completed_at' as attribute
    ) as attributes
    union all
    select
        wave_id,
        respondent_group,
        'sector' as attribute
    from groups_asked
    where stratum_by in ('sector', 'sector_landsdeel')
    union all
    select
        wave_id,
        respondent_group,
        'region' as attribute
    from groups_asked
    where stratum_by in ('landsdeel', 'sector_landsdeel')
    union all
    select
        wave_id,
        respondent_group,
        psu_attribute as attribute
    from groups_asked
    where psu_attribute is not null

)

select
    needed.wave_id,
    needed.respondent_group,
    needed.attribute,
    count(variables.variable) as column_count
from needed
left join {{ ref('variables') }} as variables
    on
        needed.wave_id = variables.wave_id
        and needed.respondent_group = variables.respondent_group
        and needed.attribute = variables.attribute
group by needed.wave_id, needed.respondent_group, needed.attribute
having count(variables.variable) <> 1

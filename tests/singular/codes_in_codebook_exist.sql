-- What: endorsed codes, missing codes and routing of the codebook name codes and columns that exist.
-- When it matters: an endorsed code that is no option never counts; a wrong route turns answers into not asked.
-- How to resolve: correct the code in seeds/codebook/indicators.csv or variables.csv.
{{ config(meta={'dagster': {'ref': {'name': 'scale_options'}}}) }}

select
    'endorsed code' as kind,
    indicators.indicator_code as place,
    indicators.endorsed_codes as codes
from {{ ref('indicators') }} as indicators
inner join {{ ref('scale_options') }} as options
    on
        indicators.scale = options.scale
        and options.score is not null
        and {{ contains_code('indicators.endorsed_codes', 'options.value') }}
group by indicators.indicator_code, indicators.endorsed_codes
having count(*) <> length(indicators.endorsed_codes) - length(replace(indicators.endorsed_codes, '|', '')) + 1
union all
select
    'missing code' as kind,
    variables.wave_id || ' ' || variables.respondent_group || ' ' || variables.variable as place,
    variables.missing_codes as codes
from {{ ref('variables') }} as variables
left join {{ ref('scale_options') }} as options
    on
        variables.scale = options.scale
        and options.missing_reason is not null
        and {{ contains_code('variables.missing_codes', 'options.value') }}
where variables.missing_codes is not null
group by variables.wave_id, variables.respondent_group, variables.variable, variables.missing_codes
having
    count(options.value)
    <> length(variables.missing_codes) - length(replace(variables.missing_codes, '|', '')) + 1
union all
select
    'route' as kind,
    variables.wave_id || ' ' || variables.respondent_group || ' ' || variables.variable as place,
    variables.routed_by as codes
from {{ ref('variables') }} as variables
left join {{ ref('variables') }} as filters
    on
        variables.wave_id = filters.wave_id
        and variables.respondent_group = filters.respondent_group
        and variables.routed_by = filters.variable
        and filters.attribute is not null
where variables.routed_by is not null and (filters.variable is null or variables.routed_values is null)

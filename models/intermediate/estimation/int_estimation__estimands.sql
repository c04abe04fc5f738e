-- what is estimated: each item, and per wave, group and goal the mean of its headline items
with items as (

    select
        variables.variable_key as estimand_key,
        'indicator' as kind,
        variables.wave_id,
        variables.respondent_group,
        variables.indicator_code,
        indicators.goal_id,
        variables.unit_of_count,
        variables.scale,
        variables.scale_kind,
        variables.min_score,
        variables.max_score,
        indicators.dont_know_rule = 'count_as_negative' as is_dont_know_negative,
        indicators.direction,
        indicators.is_headline,
        indicators.headline_measure
    from {{ ref('int_codebook__variables') }} as variables
    inner join {{ ref('indicators') }} as indicators on variables.indicator_code = indicators.indicator_code
    where variables.role = 'item'

),

-- keys of goals follow upon those of the variables
goals as (

    select
        cast(
            (select max(variables.variable_key) from {{ ref('int_codebook__variables') }} as variables)
            + row_number() over (order by wave_id, respondent_group, goal_id) as int
        ) as estimand_key,
        'goal' as kind,
        wave_id,
        respondent_group,
        cast(null as {{ dbt.type_string() }}) as indicator_code,
        goal_id,
        'respondent' as unit_of_count,
        cast(null as {{ dbt.type_string() }}) as scale,
        'numeric' as scale_kind,
        0 as min_score,
        100 as max_score,
        false as is_dont_know_negative,
        'higher_better' as direction,
        false as is_headline,
        'mean' as headline_measure
    from items
    where is_headline
    group by wave_id, respondent_group, goal_id

),

unioned as (

    select * from items
    union all
    select * from goals

),

final as (

    select
        unioned.*,
        waves.measurement_number,
        respondent_groups.design,
        respondent_groups.design in ('census', 'near_census') as is_near_census,
        -- persons and samples of persons have no id that lasts; these units do
        respondent_groups.psu_attribute in ('swv', 'municipality', 'school_code') as has_lasting_psus,
        respondent_groups.psu_attribute
    from unioned
    inner join {{ ref('waves') }} as waves on unioned.wave_id = waves.wave_id
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on unioned.respondent_group = respondent_groups.respondent_group

)

select * from final

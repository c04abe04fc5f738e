with asked as (

    select
        variables.wave_id,
        variables.respondent_group,
        indicators.goal_id,
        waves.measurement_number,
        {{ ordered_string_agg("variables.item_code || ' ' || variables.scale") }} as items,
        min(case when variables.is_comparable then 1 else 0 end) = 1 as is_comparable
    from {{ ref('variables') }} as variables
    inner join {{ ref('items') }} as items on variables.item_code = items.item_code
    inner join {{ ref('indicators') }} as indicators on items.indicator_code = indicators.indicator_code
    inner join {{ ref('waves') }} as waves on variables.wave_id = waves.wave_id
    where variables.role = 'item' and indicators.is_headline
    group by variables.wave_id, variables.respondent_group, indicators.goal_id, waves.measurement_number

),

-- comparable only with the same questions in the same words
compared as (

    select
        asked.wave_id,
        asked.respondent_group,
        asked.goal_id,
        case
            when previous.goal_id is null and asked.measurement_number = 1 then 'first_measurement'
            when previous.goal_id is null and asked.measurement_number = respondent_groups.first_measurement
                then 'group_new'
            when previous.goal_id is null then 'first_measurement'
            when previous.items <> asked.items or not asked.is_comparable then 'reworded'
            else 'comparable'
        end as comparability
    from asked
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on asked.respondent_group = respondent_groups.respondent_group
    left join asked as previous
        on
            asked.respondent_group = previous.respondent_group
            and asked.goal_id = previous.goal_id
            and asked.measurement_number = previous.measurement_number + 1

),

final as (

    select
        estimates.wave_id,
        estimates.goal_id,
        estimates.respondent_group,
        estimates.breakdown,
        estimates.breakdown_value,
        estimates.estimate,
        estimates.standard_error,
        estimates.ci_lower,
        estimates.ci_upper,
        estimates.ci_method,
        estimates.n_respondents,
        estimates.n_units,
        estimates.n_psu,
        estimates.degrees_of_freedom,
        estimates.total_weight,
        estimates.design_effect,
        estimates.effective_n,
        estimates.reliability,
        estimates.rounding_step,
        compared.comparability
    from {{ ref('int_estimation__estimates') }} as estimates
    inner join compared
        on
            estimates.wave_id = compared.wave_id
            and estimates.respondent_group = compared.respondent_group
            and estimates.goal_id = compared.goal_id
    where estimates.kind = 'goal'

)

select * from final

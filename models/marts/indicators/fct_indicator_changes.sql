with waves as (

    select
        wave_id,
        measurement_number
    from {{ ref('dim_waves') }}

),

-- the previous wave and wave 1; one row where they coincide
baselines as (

    select
        later.wave_id,
        earlier.wave_id as baseline_wave_id,
        later.measurement_number,
        earlier.measurement_number as baseline_number
    from waves as later
    inner join waves as earlier
        on
            later.measurement_number > earlier.measurement_number
            and (earlier.measurement_number = later.measurement_number - 1 or earlier.measurement_number = 1)

),

items as (

    select
        items.*,
        waves.measurement_number
    from {{ ref('dim_items') }} as items
    inner join waves on items.wave_id = waves.wave_id

),

-- over a new wording or scale there is no trend, also when it lies between the two waves
comparisons as (

    select
        items.wave_id,
        items.indicator_code,
        items.respondent_group,
        baselines.baseline_wave_id,
        case
            when earlier.indicator_code is null and items.comparability in ('group_new', 'first_measurement')
                then items.comparability
            when earlier.indicator_code is null then 'first_measurement'
            when earlier.scale <> items.scale then 'scale_changed'
            when earlier.wording_version <> items.wording_version then 'reworded'
            when max(case when between_waves.comparability = 'reworded' then 1 else 0 end) = 1 then 'reworded'
            else 'comparable'
        end as comparability
    from items
    inner join baselines on items.wave_id = baselines.wave_id
    left join items as earlier
        on
            baselines.baseline_wave_id = earlier.wave_id
            and items.indicator_code = earlier.indicator_code
            and items.respondent_group = earlier.respondent_group
    left join items as between_waves
        on
            items.indicator_code = between_waves.indicator_code
            and items.respondent_group = between_waves.respondent_group
            and baselines.baseline_number < between_waves.measurement_number
            and baselines.measurement_number >= between_waves.measurement_number
    group by
        items.wave_id,
        items.indicator_code,
        items.respondent_group,
        baselines.baseline_wave_id,
        items.comparability,
        items.scale,
        items.wording_version,
        earlier.indicator_code,
        earlier.scale,
        earlier.wording_version

),

estimates as (

    select * from {{ ref('int_estimation__estimates') }}
    where kind = 'indicator' and measure in ('share_endorsed', 'mean')

),

compared as (

    select
        estimates.wave_id,
        estimates.indicator_code,
        estimates.respondent_group,
        estimates.breakdown,
        estimates.breakdown_value,
        estimates.measure,
        comparisons.baseline_wave_id,
        estimates.direction as better,
        estimates.is_headline and estimates.measure = estimates.headline_measure as is_headline_measure,
        estimates.design = 'nonprobability' as is_nonprobability,
        case
            when comparisons.comparability <> 'comparable' then comparisons.comparability
            when coalesce(differences.degrees_of_freedom, 0) < 8 then 'low_df'
            else 'comparable'
        end as comparability,
        differences.difference,
        differences.standard_error,
        differences.degrees_of_freedom,
        differences.shared_degrees_of_freedom,
        differences.least_respondents,
        differences.rounding_step
    from estimates
    inner join comparisons
        on
            estimates.wave_id = comparisons.wave_id
            and estimates.indicator_code = comparisons.indicator_code
            and estimates.respondent_group = comparisons.respondent_group
    left join {{ ref('int_estimation__estimands') }} as baseline_estimands
        on
            comparisons.baseline_wave_id = baseline_estimands.wave_id
            and comparisons.indicator_code = baseline_estimands.indicator_code
            and comparisons.respondent_group = baseline_estimands.respondent_group
    left join {{ ref('int_estimation__differences') }} as differences
        on
            estimates.estimand_key = differences.estimand_a
            and baseline_estimands.estimand_key = differences.estimand_b
            and estimates.domain_key = differences.domain_key
            and estimates.measure = differences.measure
    -- a samenwerkingsverband with answers in one of the waves only has no row
    where estimates.breakdown <> 'swv' or differences.difference is not null

),

tested as (

    select
        compared.*,
        case when compared.comparability in ('comparable', 'low_df') then compared.difference end as change,
        case when compared.comparability in ('comparable', 'low_df') then compared.standard_error end as change_error,
        {{ t_quantile('compared.degrees_of_freedom', 't_quantiles.t_975') }} as t_df,
        -- persons who were not drawn by chance, or too few units, carry no test
        case
            when
                compared.comparability = 'comparable'
                and not compared.is_nonprobability
                and compared.standard_error > 0
                then
                    {{ student_t_p_value(
                    'compared.difference / compared.standard_error', 'compared.degrees_of_freedom'
                ) }}
        end as p_value
    from compared
    left join {{ ref('t_quantiles') }} as t_quantiles
        on compared.degrees_of_freedom = t_quantiles.degrees_of_freedom

),

{{ benjamini_hochberg(
    'tested',
    family='wave_id, baseline_wave_id, respondent_group, breakdown',
    is_member='is_headline_measure',
    tie='indicator_code, breakdown_value, measure'
) }},

final as (

    select
        wave_id,
        indicator_code,
        respondent_group,
        breakdown,
        breakdown_value,
        measure,
        baseline_wave_id,
        change,
        change_error as standard_error,
        change - t_df * change_error as ci_lower,
        change + t_df * change_error as ci_upper,
        case when change is not null then degrees_of_freedom end as degrees_of_freedom,
        p_value,
        p_value_adjusted,
        p_value_adjusted < 0.05e0 as is_significant,
        {{ direction_of_change() }} as direction,
        comparability,
        case when change is not null then shared_degrees_of_freedom end as shared_degrees_of_freedom,
        case when change is not null then least_respondents end as least_respondents,
        case when change is not null then rounding_step end as rounding_step
    from adjusted

)

select * from final

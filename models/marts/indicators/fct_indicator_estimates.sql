with final as (

    select
        estimates.wave_id,
        estimates.indicator_code,
        estimates.respondent_group,
        estimates.breakdown,
        estimates.breakdown_value,
        estimates.measure,
        md5(
            estimates.wave_id || '|' || estimates.indicator_code || '|' || estimates.respondent_group || '|'
            || estimates.breakdown || '|' || estimates.breakdown_value || '|' || estimates.measure
        ) as estimate_id,
        estimates.unit_of_count,
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
        estimates.value_range,
        estimates.rounding_origin,
        estimates.rounding_step,
        items.comparability,
        -- what two waves like this one, drawn apart, would show with a power of 80 % at 5 %
        (
            {{ t_quantile('2 * estimates.degrees_of_freedom', 't_quantiles.t_975') }}
            + {{ t_quantile('2 * estimates.degrees_of_freedom', 't_quantiles.t_800', '0.8416212335729143e0') }}
        )
        * sqrt(2e0) * nullif(estimates.standard_error, 0e0) as minimum_detectable_change
    from {{ ref('int_estimation__estimates') }} as estimates
    inner join {{ ref('dim_items') }} as items
        on
            estimates.wave_id = items.wave_id
            and estimates.indicator_code = items.indicator_code
            and estimates.respondent_group = items.respondent_group
    left join {{ ref('t_quantiles') }} as t_quantiles
        on 2 * estimates.degrees_of_freedom = t_quantiles.degrees_of_freedom
    where estimates.kind = 'indicator'

)

select * from final

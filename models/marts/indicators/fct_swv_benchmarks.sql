{#
    A samenwerkingsverband has few respondents in a single wave, so that its last three comparable
    closed waves are pooled: one weighted mean, linearised around itself. The variance holds that of
    each wave, the covariance between waves of PSUs in both, and, for the difference with the
    country, the covariance of the part with the whole.
#}
with asked as (

    select
        estimands.estimand_key,
        estimands.indicator_code,
        estimands.respondent_group,
        estimands.wave_id,
        estimands.measurement_number,
        estimands.headline_measure,
        max(estimands.measurement_number) over of_question as last_number,
        sum(case when items.comparability = 'comparable' then 0 else 1 end) over (
            partition by estimands.indicator_code, estimands.respondent_group
            order by estimands.measurement_number
            rows between unbounded preceding and current row
        ) as series
    from {{ ref('int_estimation__estimands') }} as estimands
    inner join {{ ref('dim_items') }} as items
        on
            estimands.wave_id = items.wave_id
            and estimands.indicator_code = items.indicator_code
            and estimands.respondent_group = items.respondent_group
    inner join {{ ref('dim_waves') }} as waves on estimands.wave_id = waves.wave_id
    where waves.closed_at is not null
    window of_question as (partition by estimands.indicator_code, estimands.respondent_group)

),

series_known as (

    select
        *,
        max(series) over (partition by indicator_code, respondent_group) as last_series
    from asked

),

-- the last three closed waves, at most, none reworded since the first
pools as (

    select
        series_known.*,
        estimands.design = 'nonprobability' as is_nonprobability,
        estimands.unit_of_count,
        estimands.min_score,
        estimands.max_score - estimands.min_score as score_range
    from series_known
    inner join {{ ref('int_estimation__estimands') }} as estimands on series_known.estimand_key = estimands.estimand_key
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on series_known.respondent_group = respondent_groups.respondent_group
    where
        respondent_groups.has_swv_breakdown
        and series_known.series = series_known.last_series
        and series_known.measurement_number > series_known.last_number - 3

),

domains as (

    select distinct
        domain_key,
        breakdown,
        breakdown_value
    from {{ ref('int_estimation__set_domains') }}
    where breakdown in ('total', 'swv')

),

moments as (

    select
        pools.indicator_code,
        pools.respondent_group,
        pools.wave_id,
        pools.measurement_number,
        domains.breakdown,
        domains.breakdown_value,
        moments.*
    from pools
    inner join {{ ref('int_estimation__moments') }} as moments
        on pools.estimand_key = moments.estimand_key and pools.headline_measure = moments.measure
    inner join domains on moments.domain_key = domains.domain_key

),

pooled as (

    select
        indicator_code,
        respondent_group,
        domain_key,
        breakdown,
        breakdown_value,
        {{ exact_sum('wy') }} / {{ exact_sum('w') }} as estimate,
        {{ exact_sum('w') }} as total_weight,
        {{ exact_sum('wyy') }} / {{ exact_sum('w') }} as mean_square,
        cast(sum(n) as bigint) as n_respondents,
        cast(sum(n_psu) as bigint) as n_psu,
        cast(sum(n_psu) - count(*) as bigint) as degrees_of_freedom,
        {{ ordered_string_agg('wave_id') }} as waves_pooled
    from moments
    group by indicator_code, respondent_group, domain_key, breakdown, breakdown_value

),

country as (

    select
        indicator_code,
        respondent_group,
        estimate,
        total_weight
    from pooled
    where breakdown = 'total'

),

strata as (

    select
        moments.indicator_code,
        moments.respondent_group,
        moments.domain_key,
        designs.n_psu as n_h,
        designs.sampling_fraction as f,
        (moments.wy - pooled.estimate * moments.w) / pooled.total_weight as z,
        (moments.wywy - 2e0 * pooled.estimate * moments.wwy + pooled.estimate * pooled.estimate * moments.ww)
        / (pooled.total_weight * pooled.total_weight) as zz,
        (whole.wy - country.estimate * whole.w) / country.total_weight as z_country,
        (
            moments.wywy - (pooled.estimate + country.estimate) * moments.wwy
            + pooled.estimate * country.estimate * moments.ww
        ) / (pooled.total_weight * country.total_weight) as zz_country
    from moments
    inner join pooled
        on
            moments.indicator_code = pooled.indicator_code
            and moments.respondent_group = pooled.respondent_group
            and moments.domain_key = pooled.domain_key
    inner join country
        on
            moments.indicator_code = country.indicator_code
            and moments.respondent_group = country.respondent_group
    inner join moments as whole
        on
            moments.estimand_key = whole.estimand_key
            and moments.stratum_key = whole.stratum_key
            and whole.breakdown = 'total'
    inner join {{ ref('int_estimation__designs') }} as designs
        on
            moments.estimand_key = designs.estimand_key
            and moments.stratum_key = designs.stratum_key
            and moments.measure = designs.measure

),

within_waves as (

    select
        indicator_code,
        respondent_group,
        domain_key,
        {{ exact_sum(variance_within_stratum('zz', 'z', 'z'), decimals=28) }} as variance,
        {{ exact_sum(variance_within_stratum('zz_country', 'z', 'z_country'), decimals=28) }}
            as covariance_with_country
    from strata
    group by indicator_code, respondent_group, domain_key

),

between_waves as (

    select
        one.indicator_code,
        one.respondent_group,
        shared.domain_key,
        {{ exact_sum(covariance_of_totals(
            'pooled.estimate', 'pooled.total_weight', 'pooled.estimate', 'pooled.total_weight'
        ), decimals=28) }} as covariance
    from {{ ref('int_estimation__overlaps') }} as shared
    inner join {{ ref('int_estimation__contrasts') }} as contrasts on shared.contrast_key = contrasts.contrast_key
    inner join pools as one
        on contrasts.estimand_a = one.estimand_key and shared.measure = one.headline_measure
    inner join pools as other
        on contrasts.estimand_b = other.estimand_key and one.respondent_group = other.respondent_group
    inner join pooled
        on
            one.indicator_code = pooled.indicator_code
            and one.respondent_group = pooled.respondent_group
            and shared.domain_key = pooled.domain_key
    inner join {{ ref('int_estimation__designs') }} as designs_a
        on
            contrasts.estimand_a = designs_a.estimand_key
            and shared.stratum_a = designs_a.stratum_key
            and shared.measure = designs_a.measure
    inner join {{ ref('int_estimation__designs') }} as designs_b
        on
            contrasts.estimand_b = designs_b.estimand_key
            and shared.stratum_b = designs_b.stratum_key
            and shared.measure = designs_b.measure
    group by one.indicator_code, one.respondent_group, shared.domain_key

),

questions as (

    select
        indicator_code,
        respondent_group,
        headline_measure,
        is_nonprobability,
        unit_of_count,
        max(case when headline_measure = 'mean' then score_range else 1 end) as value_range,
        max(case when headline_measure = 'mean' then min_score else 0 end) as rounding_origin
    from pools
    group by indicator_code, respondent_group, headline_measure, is_nonprobability, unit_of_count

),

variances as (

    select
        pooled.*,
        within_waves.variance + 2e0 * coalesce(between_waves.covariance, 0e0) as variance,
        within_waves.covariance_with_country
    from pooled
    inner join within_waves
        on
            pooled.indicator_code = within_waves.indicator_code
            and pooled.respondent_group = within_waves.respondent_group
            and pooled.domain_key = within_waves.domain_key
    left join between_waves
        on
            pooled.indicator_code = between_waves.indicator_code
            and pooled.respondent_group = between_waves.respondent_group
            and pooled.domain_key = between_waves.domain_key

),

estimated as (

    select
        own.breakdown_value as swv_code,
        own.indicator_code,
        own.respondent_group,
        own.waves_pooled,
        questions.headline_measure as measure,
        questions.value_range,
        questions.rounding_origin,
        questions.is_nonprobability,
        questions.headline_measure <> 'mean' as is_share,
        own.estimate,
        own.mean_square,
        own.total_weight,
        own.n_respondents,
        case when questions.unit_of_count = 'respondent' then own.n_respondents else own.n_psu end as n_units,
        own.n_psu,
        own.degrees_of_freedom,
        false as is_census,
        questions.headline_measure <> 'mean' and own.estimate in (0e0, 1e0) as is_at_end,
        {{ t_quantile('own.degrees_of_freedom', 't_quantiles.t_975') }} as t_df,
        case when own.degrees_of_freedom > 0 and own.variance > 0 then sqrt(own.variance) end as standard_error,
        whole.estimate as national_estimate,
        round(own_steps.step * questions.value_range, 9) as rounding_step,
        round(national_steps.step * questions.value_range, 9) as national_rounding_step,
        own.estimate - whole.estimate as difference,
        case
            when
                own.degrees_of_freedom > 0
                and own.variance + whole.variance - 2e0 * own.covariance_with_country > 0
                then sqrt(own.variance + whole.variance - 2e0 * own.covariance_with_country)
        end as difference_standard_error
    from variances as own
    inner join variances as whole
        on
            own.indicator_code = whole.indicator_code
            and own.respondent_group = whole.respondent_group
            and whole.breakdown = 'total'
    inner join questions
        on own.indicator_code = questions.indicator_code and own.respondent_group = questions.respondent_group
    left join {{ ref('t_quantiles') }} as t_quantiles
        on own.degrees_of_freedom = t_quantiles.degrees_of_freedom
    left join {{ ref('precision_steps') }} as own_steps
        on {{ precision_step_of('own.n_respondents', 'own_steps') }}
    left join {{ ref('precision_steps') }} as national_steps
        on {{ precision_step_of('whole.n_respondents', 'national_steps') }}
    where own.breakdown = 'swv'

),

{{ intervals_and_reliability('estimated') }},

tested as (

    select
        bounded.*,
        case
            when
                bounded.degrees_of_freedom >= 8
                and not bounded.is_nonprobability
                and bounded.reliability <> 'unreliable'
                and bounded.difference_standard_error > 0
                then {{ student_t_p_value(
                    'bounded.difference / bounded.difference_standard_error', 'bounded.degrees_of_freedom'
                ) }}
        end as p_value
    from bounded

),

{{ benjamini_hochberg(
    'tested', family='indicator_code, respondent_group', is_member='true', tie='swv_code'
) }},

final as (

    select
        swv_code,
        indicator_code,
        respondent_group,
        measure,
        waves_pooled,
        estimate,
        standard_error,
        ci_lower,
        ci_upper,
        ci_method,
        n_respondents,
        n_units,
        n_psu,
        degrees_of_freedom,
        total_weight,
        design_effect,
        effective_n,
        reliability,
        national_estimate,
        difference,
        difference_standard_error,
        difference - t_df * difference_standard_error as difference_ci_lower,
        difference + t_df * difference_standard_error as difference_ci_upper,
        p_value,
        p_value_adjusted,
        p_value_adjusted < 0.05e0 as is_significant,
        value_range,
        rounding_origin,
        rounding_step,
        national_rounding_step,
        greatest(rounding_step, national_rounding_step) as difference_rounding_step
    from adjusted

)

select * from final

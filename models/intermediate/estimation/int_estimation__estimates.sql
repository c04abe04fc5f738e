-- every question is estimated for every breakdown value of which its group has respondents
with estimands as (

    select * from {{ ref('int_estimation__estimands') }}

),

-- sets first: an engine that joined every respondent with the values of its sets would pay for it
sets as (

    select distinct
        units.wave_id,
        units.respondent_group,
        domain_sets.set_key
    from {{ ref('int_respondents__units') }} as units
    inner join {{ ref('int_respondents__domain_sets') }} as domain_sets
        on units.respondent_key = domain_sets.respondent_key

),

domains as (

    select distinct
        sets.wave_id,
        sets.respondent_group,
        set_domains.domain_key,
        set_domains.breakdown,
        set_domains.breakdown_value
    from sets
    inner join {{ ref('int_estimation__set_domains') }} as set_domains on sets.set_key = set_domains.set_key

),

measures as (

    select
        estimand_key,
        'share_endorsed' as measure,
        false as is_distribution
    from estimands
    where kind = 'indicator'
    union all
    select
        estimand_key,
        'mean' as measure,
        false as is_distribution
    from estimands
    where scale_kind in ('ordinal', 'numeric')
    union all
    select
        estimand_key,
        'share_dont_know' as measure,
        true as is_distribution
    from estimands
    where kind = 'indicator'
    union all
    select
        estimands.estimand_key,
        'share_option_' || scale_options.value as measure,
        true as is_distribution
    from estimands
    inner join {{ ref('scale_options') }} as scale_options
        on estimands.scale = scale_options.scale and scale_options.score is not null

),

asked as (

    select
        estimands.*,
        domains.domain_key,
        domains.breakdown,
        domains.breakdown_value,
        measures.measure,
        measures.measure <> 'mean' as is_share,
        case when measures.measure = 'mean' then estimands.max_score - estimands.min_score else 1 end as value_range,
        case when measures.measure = 'mean' then estimands.min_score else 0 end as rounding_origin
    from estimands
    inner join domains
        on estimands.wave_id = domains.wave_id and estimands.respondent_group = domains.respondent_group
    inner join measures on estimands.estimand_key = measures.estimand_key
    where not measures.is_distribution or domains.breakdown in ('total', 'sector')

),

estimated as (

    select
        asked.*,
        variances.estimate,
        variances.mean_square,
        variances.variance,
        variances.is_census,
        variances.total_weight,
        coalesce(variances.n_respondents, 0) as n_respondents,
        -- a school or samenwerkingsverband that is counted is also the PSU
        case
            when asked.unit_of_count = 'respondent' then coalesce(variances.n_respondents, 0)
            else coalesce(variances.n_psu, 0)
        end as n_units,
        coalesce(variances.n_psu, 0) as n_psu,
        variances.degrees_of_freedom,
        asked.is_share and variances.estimate in (0e0, 1e0) as is_at_end,
        -- no finer than one respondent
        round(precision_steps.step * asked.value_range, 9) as rounding_step,
        {{ t_quantile('variances.degrees_of_freedom', 't_quantiles.t_975') }} as t_df,
        case
            when variances.degrees_of_freedom > 0 and (variances.variance > 0 or variances.is_census)
                then sqrt(variances.variance)
        end as standard_error
    from asked
    left join {{ ref('int_estimation__variances') }} as variances
        on
            asked.estimand_key = variances.estimand_key
            and asked.domain_key = variances.domain_key
            and asked.measure = variances.measure
    left join {{ ref('t_quantiles') }} as t_quantiles
        on variances.degrees_of_freedom = t_quantiles.degrees_of_freedom
    left join {{ ref('precision_steps') }} as precision_steps
        on {{ precision_step_of('coalesce(variances.n_respondents, 0)', 'precision_steps') }}

),

{{ intervals_and_reliability('estimated') }}

select * from bounded

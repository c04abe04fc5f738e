-- the difference of two estimates (a - b) with its variance, covariance of shared units included
with contrasts as (

    select * from {{ ref('int_estimation__contrasts') }}

),

estimates as (

    select
        estimand_key,
        domain_key,
        measure,
        estimate,
        standard_error,
        total_weight,
        degrees_of_freedom,
        n_respondents,
        rounding_step,
        breakdown,
        breakdown_value
    from {{ ref('int_estimation__estimates') }}
    where kind = 'indicator' and measure in ('share_endorsed', 'mean')

),

covariances as (

    select
        shared.contrast_key,
        shared.domain_key,
        shared.measure,
        {{ exact_sum(
            covariance_of_totals('one.estimate', 'one.total_weight', 'other.estimate', 'other.total_weight'),
            decimals=28
        ) }} as covariance,
        cast(sum(greatest(shared.n_both_in_domain - 1, 0)) as bigint) as shared_degrees_of_freedom
    from {{ ref('int_estimation__overlaps') }} as shared
    inner join contrasts on shared.contrast_key = contrasts.contrast_key
    -- each finds its row; left joins keep an engine from joining the two designs first
    left join estimates as one
        on
            contrasts.estimand_a = one.estimand_key
            and shared.domain_key = one.domain_key
            and shared.measure = one.measure
    left join estimates as other
        on
            contrasts.estimand_b = other.estimand_key
            and shared.domain_key = other.domain_key
            and shared.measure = other.measure
    left join {{ ref('int_estimation__designs') }} as designs_a
        on
            contrasts.estimand_a = designs_a.estimand_key
            and shared.stratum_a = designs_a.stratum_key
            and shared.measure = designs_a.measure
    left join {{ ref('int_estimation__designs') }} as designs_b
        on
            contrasts.estimand_b = designs_b.estimand_key
            and shared.stratum_b = designs_b.stratum_key
            and shared.measure = designs_b.measure
    group by shared.contrast_key, shared.domain_key, shared.measure

),

differences as (

    select
        contrasts.contrast_key,
        contrasts.estimand_a,
        contrasts.estimand_b,
        contrasts.kind,
        one.domain_key,
        one.breakdown,
        one.breakdown_value,
        one.measure,
        one.estimate - other.estimate as difference,
        one.degrees_of_freedom + other.degrees_of_freedom - coalesce(covariances.shared_degrees_of_freedom, 0)
            as degrees_of_freedom,
        coalesce(covariances.shared_degrees_of_freedom, 0) as shared_degrees_of_freedom,
        least(one.n_respondents, other.n_respondents) as least_respondents,
        greatest(one.rounding_step, other.rounding_step) as rounding_step,
        one.standard_error * one.standard_error + other.standard_error * other.standard_error as sum_of_variances,
        coalesce(covariances.covariance, 0e0) as covariance
    from contrasts
    inner join estimates as one on contrasts.estimand_a = one.estimand_key
    inner join estimates as other
        on
            contrasts.estimand_b = other.estimand_key
            and one.domain_key = other.domain_key
            and one.measure = other.measure
            -- groups are not compared within a samenwerkingsverband: hardly any has enough of both
            and (contrasts.kind = 'waves' or one.breakdown <> 'swv')
    left join covariances
        on
            contrasts.contrast_key = covariances.contrast_key
            and one.domain_key = covariances.domain_key
            and one.measure = covariances.measure

),

final as (

    select
        *,
        case
            when sum_of_variances - 2e0 * covariance > 1e-13 * sum_of_variances
                then sqrt(sum_of_variances - 2e0 * covariance)
            -- two complete censuses: the difference is known
            when sum_of_variances is not null then 0e0
        end as standard_error
    from differences

)

select * from final

{#
    Taylor linearisation: z = (wy - mean * w) / sum of w, summed per PSU; the variance within strata
    of these sums, with the finite population correction, in terms of the moments. A domain keeps the
    full design: PSUs without anybody in it count in n_h with z = 0.
#}
with totals as (

    select
        estimand_key,
        domain_key,
        measure,
        cast(sum(n) as bigint) as n_respondents,
        cast(sum(n_psu) as bigint) as n_psu,
        cast(sum(n_psu) - count(*) as bigint) as degrees_of_freedom,
        {{ exact_sum('w') }} as total_weight,
        {{ exact_sum('wy') }} / {{ exact_sum('w') }} as estimate,
        {{ exact_sum('wyy') }} / {{ exact_sum('w') }} as mean_square
    from {{ ref('int_estimation__moments') }}
    group by estimand_key, domain_key, measure

),

designs as (

    select * from {{ ref('int_estimation__designs') }}

),

linearised as (

    select
        moments.estimand_key,
        moments.domain_key,
        moments.measure,
        designs.n_psu as n_h,
        designs.sampling_fraction as f,
        (moments.wy - totals.estimate * moments.w) / totals.total_weight as z,
        (moments.wywy - 2e0 * totals.estimate * moments.wwy + totals.estimate * totals.estimate * moments.ww)
        / (totals.total_weight * totals.total_weight) as zz,
        (moments.wywy + totals.estimate * totals.estimate * moments.ww)
        / (totals.total_weight * totals.total_weight) as magnitude
    from {{ ref('int_estimation__moments') }} as moments
    inner join totals
        on
            moments.estimand_key = totals.estimand_key
            and moments.domain_key = totals.domain_key
            and moments.measure = totals.measure
    inner join designs
        on
            moments.estimand_key = designs.estimand_key
            and moments.stratum_key = designs.stratum_key
            and moments.measure = designs.measure

),

summed as (

    select
        estimand_key,
        domain_key,
        measure,
        {{ exact_sum(variance_within_stratum('zz', 'z', 'z'), decimals=28) }} as variance,
        {{ exact_sum('magnitude', decimals=28) }} as magnitude,
        min(f) >= 1 - 1e-7 as is_census
    from linearised
    group by estimand_key, domain_key, measure

),

final as (

    select
        totals.estimand_key,
        totals.domain_key,
        totals.measure,
        totals.n_respondents,
        totals.n_psu,
        totals.degrees_of_freedom,
        totals.total_weight,
        totals.estimate,
        totals.mean_square,
        -- what rounding leaves of a variance of zero is no variance
        case when summed.variance > 1e-13 * summed.magnitude then summed.variance else 0e0 end as variance,
        summed.is_census
    from totals
    inner join summed
        on
            totals.estimand_key = summed.estimand_key
            and totals.domain_key = summed.domain_key
            and totals.measure = summed.measure

)

select * from final

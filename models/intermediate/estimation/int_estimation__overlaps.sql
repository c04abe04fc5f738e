{#
    Sums over the PSUs that are in both samples of a contrast, from which the covariance of the two
    estimates follows (Kish 1965, 12.4; Wood 2008): n units in both, and of their totals in either
    sample w and wy, their sums and products. A unit in both samples without anybody who answered
    counts in n with totals of zero, except in groups that are asked (nearly) all, whose design is
    the units that answered.
#}
with contrasts as (

    select
        contrasts.contrast_key,
        contrasts.estimand_a,
        contrasts.estimand_b,
        contrasts.kind,
        contrasts.is_near_census,
        one.wave_id as wave_a,
        one.respondent_group as group_a,
        one.unit_of_count as unit_a,
        other.wave_id as wave_b,
        other.respondent_group as group_b,
        other.unit_of_count as unit_b
    from {{ ref('int_estimation__contrasts') }} as contrasts
    inner join {{ ref('int_estimation__estimands') }} as one on contrasts.estimand_a = one.estimand_key
    inner join {{ ref('int_estimation__estimands') }} as other on contrasts.estimand_b = other.estimand_key
    where contrasts.is_matched

),

samples as (

    select distinct
        wave_a,
        group_a,
        unit_a,
        wave_b,
        group_b,
        unit_b
    from contrasts

),

psus as (

    select distinct
        psu_key,
        stratum_key,
        wave_id,
        respondent_group,
        unit_of_count,
        stratum,
        psu_id
    from {{ ref('int_respondents__units') }}

),

shared_psus as (

    select
        samples.*,
        one.psu_key as psu_a,
        other.psu_key as psu_b,
        one.stratum_key as stratum_a,
        other.stratum_key as stratum_b
    from samples
    inner join psus as one
        on
            samples.wave_a = one.wave_id
            and samples.group_a = one.respondent_group
            and samples.unit_a = one.unit_of_count
    inner join psus as other
        on
            samples.wave_b = other.wave_id
            and samples.group_b = other.respondent_group
            and samples.unit_b = other.unit_of_count
            and one.stratum = other.stratum
            and one.psu_id = other.psu_id

),

pairs as (

    select
        contrasts.contrast_key,
        contrasts.estimand_a,
        contrasts.estimand_b,
        contrasts.kind,
        contrasts.is_near_census,
        shared_psus.psu_a,
        shared_psus.psu_b,
        shared_psus.stratum_a,
        shared_psus.stratum_b
    from contrasts
    inner join shared_psus
        on
            contrasts.wave_a = shared_psus.wave_a
            and contrasts.group_a = shared_psus.group_a
            and contrasts.unit_a = shared_psus.unit_a
            and contrasts.wave_b = shared_psus.wave_b
            and contrasts.group_b = shared_psus.group_b
            and contrasts.unit_b = shared_psus.unit_b

),

totals as (

    select
        totals.estimand_key,
        totals.psu_key,
        set_domains.domain_key,
        set_domains.breakdown,
        'share_endorsed' as measure,
        case
            when estimands.is_dont_know_negative then totals.weight_answered
            else totals.weight_substantive
        end as w,
        totals.endorsed_weight as wy
    from {{ ref('int_estimation__psu_totals') }} as totals
    inner join {{ ref('int_estimation__set_domains') }} as set_domains on totals.set_key = set_domains.set_key
    inner join {{ ref('int_estimation__estimands') }} as estimands on totals.estimand_key = estimands.estimand_key
    where estimands.kind = 'indicator'
    union all
    select
        totals.estimand_key,
        totals.psu_key,
        set_domains.domain_key,
        set_domains.breakdown,
        'mean' as measure,
        totals.weight_substantive as w,
        totals.score_weight as wy
    from {{ ref('int_estimation__psu_totals') }} as totals
    inner join {{ ref('int_estimation__set_domains') }} as set_domains on totals.set_key = set_domains.set_key
    inner join {{ ref('int_estimation__estimands') }} as estimands on totals.estimand_key = estimands.estimand_key
    where estimands.kind = 'indicator' and estimands.scale_kind in ('ordinal', 'numeric')

),

totals_of_pairs as (

    select
        pairs.contrast_key,
        pairs.stratum_a,
        pairs.stratum_b,
        pairs.psu_a,
        pairs.is_near_census,
        totals.domain_key,
        totals.breakdown,
        totals.measure,
        totals.w as w_a,
        totals.wy as wy_a,
        0e0 as w_b,
        0e0 as wy_b
    from pairs
    inner join totals on pairs.estimand_a = totals.estimand_key and pairs.psu_a = totals.psu_key
    where totals.w > 0 and (pairs.kind = 'waves' or totals.breakdown <> 'swv')
    union all
    select
        pairs.contrast_key,
        pairs.stratum_a,
        pairs.stratum_b,
        pairs.psu_a,
        pairs.is_near_census,
        totals.domain_key,
        totals.breakdown,
        totals.measure,
        0e0 as w_a,
        0e0 as wy_a,
        totals.w as w_b,
        totals.wy as wy_b
    from pairs
    inner join totals on pairs.estimand_b = totals.estimand_key and pairs.psu_b = totals.psu_key
    where totals.w > 0 and (pairs.kind = 'waves' or totals.breakdown <> 'swv')

),

-- one row per unit and breakdown value; at most one of its two rows holds each figure
units as (

    select
        contrast_key,
        stratum_a,
        stratum_b,
        psu_a,
        is_near_census,
        domain_key,
        breakdown,
        measure,
        max(w_a) as w_a,
        max(wy_a) as wy_a,
        max(w_b) as w_b,
        max(wy_b) as wy_b
    from totals_of_pairs
    group by contrast_key, stratum_a, stratum_b, psu_a, is_near_census, domain_key, breakdown, measure

),

-- of (near) census groups only units that answered in both samples count
answered_both as (

    select
        contrast_key,
        psu_a,
        measure
    from units
    where breakdown = 'total' and w_a > 0 and w_b > 0

),

counted as (

    select
        units.*
    from units
    left join answered_both
        on
            units.contrast_key = answered_both.contrast_key
            and units.psu_a = answered_both.psu_a
            and units.measure = answered_both.measure
    where not units.is_near_census or answered_both.psu_a is not null

),

units_in_both as (

    select
        contrast_key,
        stratum_a,
        count(*) as n_both
    from pairs
    group by contrast_key, stratum_a

),

answering_in_both as (

    select
        contrast_key,
        stratum_a,
        measure,
        count(*) as n_both
    from counted
    where breakdown = 'total' and w_a > 0 and w_b > 0
    group by contrast_key, stratum_a, measure

),

final as (

    select
        counted.contrast_key,
        counted.domain_key,
        counted.measure,
        counted.stratum_a,
        counted.stratum_b,
        case
            when counted.is_near_census then coalesce(max(answering_in_both.n_both), 0)
            else max(units_in_both.n_both)
        end as n_both,
        cast(sum(case when counted.w_a > 0 and counted.w_b > 0 then 1 else 0 end) as bigint) as n_both_in_domain,
        {{ exact_sum('counted.w_a') }} as w_a,
        {{ exact_sum('counted.wy_a') }} as wy_a,
        {{ exact_sum('counted.w_b') }} as w_b,
        {{ exact_sum('counted.wy_b') }} as wy_b,
        {{ exact_sum('counted.w_a * counted.w_b') }} as w_a_w_b,
        {{ exact_sum('counted.wy_a * counted.w_b') }} as wy_a_w_b,
        {{ exact_sum('counted.w_a * counted.wy_b') }} as w_a_wy_b,
        {{ exact_sum('counted.wy_a * counted.wy_b') }} as wy_a_wy_b
    from counted
    inner join units_in_both
        on counted.contrast_key = units_in_both.contrast_key and counted.stratum_a = units_in_both.stratum_a
    left join answering_in_both
        on
            counted.contrast_key = answering_in_both.contrast_key
            and counted.stratum_a = answering_in_both.stratum_a
            and counted.measure = answering_in_both.measure
    group by
        counted.contrast_key,
        counted.domain_key,
        counted.measure,
        counted.stratum_a,
        counted.stratum_b,
        counted.is_near_census

)

select * from final

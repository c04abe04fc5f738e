{#
    Sums over the PSUs that are in both samples of a contrast, from which the covariance of the two
    estimates follows (Kish 1965, 12.4; Wood 2008): n units in both, and of their totals in either
    sample w and wy, their sums and products. A unit in both samples without anybody who answered
    counts in n with totals of zero, except in groups that are asked (nearly) all, whose design is
    the units that answered.

    Both measures stand side by side until the end, so that the units are joined once: w_r and e for
    the share (weight by the indicator's rule, and of who endorsed), w_s and v for the mean (weight
    of substantive answers, and weight times score).
#}
{%- set measures = {'share_endorsed': ('w_r', 'e'), 'mean': ('w_s', 'v')} -%}
with contrasts as (

    select
        contrasts.contrast_key,
        contrasts.estimand_a,
        contrasts.estimand_b,
        contrasts.kind = 'waves' as is_between_waves,
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

totals as (

    select
        totals.estimand_key,
        totals.psu_key,
        set_domains.domain_key,
        set_domains.breakdown,
        case
            when estimands.is_dont_know_negative then totals.weight_answered
            else nullif(totals.weight_substantive, 0e0)
        end as w_r,
        totals.endorsed_weight as e,
        case when estimands.scale_kind in ('ordinal', 'numeric') then nullif(totals.weight_substantive, 0e0) end
            as w_s,
        totals.score_weight as v
    from {{ ref('int_estimation__psu_totals') }} as totals
    inner join {{ ref('int_estimation__set_domains') }} as set_domains on totals.set_key = set_domains.set_key
    inner join {{ ref('int_estimation__estimands') }} as estimands on totals.estimand_key = estimands.estimand_key
    where estimands.kind = 'indicator'

),

-- of (near) census groups only units that answered in both samples count
pairs as (

    select
        contrasts.contrast_key,
        contrasts.estimand_a,
        contrasts.estimand_b,
        contrasts.is_between_waves,
        shared_psus.psu_a,
        shared_psus.psu_b,
        shared_psus.stratum_a,
        {% for w, _ in measures.values() -%}
            not contrasts.is_near_census or (one.{{ w }} is not null and other.{{ w }} is not null)
                as counts_in_{{ w }},
        {% endfor -%}
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
    left join totals as one
        on
            one.breakdown = 'total'
            and contrasts.estimand_a = one.estimand_key
            and shared_psus.psu_a = one.psu_key
    left join totals as other
        on
            other.breakdown = 'total'
            and contrasts.estimand_b = other.estimand_key
            and shared_psus.psu_b = other.psu_key

),

units_in_both as (

    select
        contrast_key,
        stratum_a,
        {% for w, _ in measures.values() -%}
            cast(sum(case when counts_in_{{ w }} then 1 else 0 end) as bigint) as n_{{ w }},
        {% endfor -%}
        max(stratum_b) as stratum_b
    from pairs
    group by contrast_key, stratum_a

),

{% for side in ('a', 'b') -%}
    sample_{{ side }} as (

        select
            pairs.contrast_key,
            pairs.psu_a,
            pairs.stratum_a,
            {% for w, y in measures.values() -%}
                case when pairs.counts_in_{{ w }} then totals.{{ w }} end as {{ w }},
                case when pairs.counts_in_{{ w }} and totals.{{ w }} is not null then totals.{{ y }} end as {{ y }},
            {% endfor -%}
            totals.domain_key
        from pairs
        inner join totals
            on pairs.estimand_{{ side }} = totals.estimand_key and pairs.psu_{{ side }} = totals.psu_key
        -- groups are not compared within a samenwerkingsverband
        where pairs.is_between_waves or totals.breakdown <> 'swv'

    ),

{% endfor -%}
-- one row per unit and breakdown value; sums pass over who did not answer in one of the samples
summed as (

    select
        coalesce(one.contrast_key, other.contrast_key) as contrast_key,
        coalesce(one.stratum_a, other.stratum_a) as stratum_a,
        {% for w, y in measures.values() -%}
            cast(sum(case when one.{{ w }} is not null and other.{{ w }} is not null then 1 else 0 end) as bigint)
                as n_both_{{ w }},
            {{ exact_sum('one.' ~ w) }} as {{ w }}_a,
            {{ exact_sum('one.' ~ y) }} as {{ y }}_a,
            {{ exact_sum('other.' ~ w) }} as {{ w }}_b,
            {{ exact_sum('other.' ~ y) }} as {{ y }}_b,
            {{ exact_sum('one.' ~ w ~ ' * other.' ~ w) }} as {{ w }}_a_{{ w }}_b,
            {{ exact_sum('one.' ~ y ~ ' * other.' ~ w) }} as {{ y }}_a_{{ w }}_b,
            {{ exact_sum('one.' ~ w ~ ' * other.' ~ y) }} as {{ w }}_a_{{ y }}_b,
            {{ exact_sum('one.' ~ y ~ ' * other.' ~ y) }} as {{ y }}_a_{{ y }}_b,
        {% endfor -%}
        coalesce(one.domain_key, other.domain_key) as domain_key
    from sample_a as one
    full outer join sample_b as other
        on
            one.contrast_key = other.contrast_key
            and one.psu_a = other.psu_a
            and one.domain_key = other.domain_key
    group by
        coalesce(one.contrast_key, other.contrast_key),
        coalesce(one.stratum_a, other.stratum_a),
        coalesce(one.domain_key, other.domain_key)

),

final as (

    {% for measure, (w, y) in measures.items() -%}
        select
            summed.contrast_key,
            summed.domain_key,
            '{{ measure }}' as measure,
            summed.stratum_a,
            units_in_both.stratum_b,
            units_in_both.n_{{ w }} as n_both,
            summed.n_both_{{ w }} as n_both_in_domain,
            coalesce(summed.{{ w }}_a, 0e0) as w_a,
            coalesce(summed.{{ y }}_a, 0e0) as wy_a,
            coalesce(summed.{{ w }}_b, 0e0) as w_b,
            coalesce(summed.{{ y }}_b, 0e0) as wy_b,
            coalesce(summed.{{ w }}_a_{{ w }}_b, 0e0) as w_a_w_b,
            coalesce(summed.{{ y }}_a_{{ w }}_b, 0e0) as wy_a_w_b,
            coalesce(summed.{{ w }}_a_{{ y }}_b, 0e0) as w_a_wy_b,
            coalesce(summed.{{ y }}_a_{{ y }}_b, 0e0) as wy_a_wy_b
        from summed
        inner join units_in_both
            on summed.contrast_key = units_in_both.contrast_key and summed.stratum_a = units_in_both.stratum_a
        where summed.{{ w }}_a is not null or summed.{{ w }}_b is not null
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from final

{#
    Sums over the PSUs of a stratum from which every variance follows without a second scan: of the
    PSU totals w (weight) and wy (weight times value), and of their squares and products.

    The wide columns carry a letter for the denominator (s: substantive answers, a: with don't know,
    r: by the indicator's rule) and for the value (e: endorsed, d: don't know, v: score).
#}
{%- set counts = ['n_s', 'n_a', 'n_psu_s', 'n_psu_a'] -%}
{%- set sums = [
    'w_s', 'ww_s', 'w_a', 'ww_a', 'e', 'ee', 'w_r_e', 'e_squared', 'd', 'dd', 'w_a_d', 'd_squared',
    'v', 'vv', 'w_s_v', 'v_squared',
] -%}
with psus as (

    select distinct
        psu_key,
        stratum_key
    from {{ ref('int_respondents__units') }}

),

-- distributions exist for the total and the sectors only
set_domains as (

    select
        set_key,
        domain_key,
        breakdown in ('total', 'sector') as has_distribution
    from {{ ref('int_estimation__set_domains') }}

),

sets as (

    select
        set_key,
        max(case when has_distribution then 1 else 0 end) = 1 as has_distribution
    from set_domains
    group by set_key

),

-- what no measure needs stays empty, which costs nothing to add
psu_totals as (

    select
        totals.*,
        psus.stratum_key,
        case when estimands.is_dont_know_negative or sets.has_distribution then totals.weight_answered end as w_a,
        case when sets.has_distribution then totals.dont_know_weight end as d,
        case
            when estimands.is_dont_know_negative then totals.weight_answered
            else totals.weight_substantive
        end as w_r,
        -- a unit's share is the mean of its respondents, so that its square is not the share itself
        estimands.unit_of_count <> 'respondent' as is_unit
    from {{ ref('int_estimation__psu_totals') }} as totals
    inner join psus on totals.psu_key = psus.psu_key
    inner join sets on totals.set_key = sets.set_key
    inner join {{ ref('int_estimation__estimands') }} as estimands on totals.estimand_key = estimands.estimand_key

),

set_moments as (

    select
        estimand_key,
        stratum_key,
        set_key,
        sum(n_substantive) as n_s,
        sum(n_answered) as n_a,
        sum(case when n_substantive > 0 then 1 else 0 end) as n_psu_s,
        count(*) as n_psu_a,
        {{ exact_partial_sum('weight_substantive') }} as w_s,
        {{ exact_partial_sum('weight_substantive * weight_substantive') }} as ww_s,
        {{ exact_partial_sum('w_a') }} as w_a,
        {{ exact_partial_sum('w_a * w_a') }} as ww_a,
        {{ exact_partial_sum('endorsed_weight') }} as e,
        {{ exact_partial_sum('endorsed_weight * endorsed_weight') }} as ee,
        {{ exact_partial_sum('w_r * endorsed_weight') }} as w_r_e,
        {{ exact_partial_sum(
            'case when is_unit then endorsed_weight * endorsed_weight / nullif(w_r, 0) end'
        ) }} as e_squared,
        {{ exact_partial_sum('d') }} as d,
        {{ exact_partial_sum('d * d') }} as dd,
        {{ exact_partial_sum('w_a * d') }} as w_a_d,
        {{ exact_partial_sum('case when is_unit then d * d / nullif(w_a, 0) end') }} as d_squared,
        {{ exact_partial_sum('score_weight') }} as v,
        {{ exact_partial_sum('score_weight * score_weight') }} as vv,
        {{ exact_partial_sum('weight_substantive * score_weight') }} as w_s_v,
        {{ exact_partial_sum('case
            when is_unit then score_weight * score_weight / nullif(weight_substantive, 0)
            else squared_score_weight
        end') }} as v_squared
    from psu_totals
    group by estimand_key, stratum_key, set_key

),

domain_moments as (

    select
        set_moments.estimand_key,
        set_moments.stratum_key,
        set_domains.domain_key,
        {% for column in counts -%}
            cast(sum(set_moments.{{ column }}) as bigint) as {{ column }},
        {% endfor -%}
        {% for column in sums -%}
            {{ exact_sum_of_sums('set_moments.' ~ column) }} as {{ column }},
        {% endfor -%}
        set_domains.has_distribution
    from set_moments
    inner join set_domains on set_moments.set_key = set_domains.set_key
    group by
        set_moments.estimand_key, set_moments.stratum_key, set_domains.domain_key, set_domains.has_distribution

),

described as (

    select
        domain_moments.*,
        estimands.scale,
        estimands.is_dont_know_negative as is_negative,
        estimands.unit_of_count <> 'respondent' as is_unit
    from domain_moments
    inner join {{ ref('int_estimation__estimands') }} as estimands
        on domain_moments.estimand_key = estimands.estimand_key

),

options as (

    select
        cells.estimand_key,
        cells.set_key,
        cells.psu_key,
        cells.answer_value,
        {{ exact_sum('cells.weight_substantive', digits=18) }} as option_weight
    from {{ ref('int_estimation__cells') }} as cells
    inner join sets on cells.set_key = sets.set_key and sets.has_distribution
    where cells.answer_value is not null
    group by cells.estimand_key, cells.set_key, cells.psu_key, cells.answer_value

),

option_sets as (

    select
        options.estimand_key,
        psus.stratum_key,
        options.set_key,
        options.answer_value,
        {{ exact_partial_sum('options.option_weight') }} as o,
        {{ exact_partial_sum('options.option_weight * options.option_weight') }} as oo,
        {{ exact_partial_sum('totals.weight_substantive * options.option_weight') }} as w_s_o,
        {{ exact_partial_sum(
            'options.option_weight * options.option_weight / totals.weight_substantive'
        ) }} as o_squared
    from options
    inner join {{ ref('int_estimation__psu_totals') }} as totals
        on
            options.estimand_key = totals.estimand_key
            and options.set_key = totals.set_key
            and options.psu_key = totals.psu_key
    inner join psus on options.psu_key = psus.psu_key
    group by options.estimand_key, psus.stratum_key, options.set_key, options.answer_value

),

option_domains as (

    select
        option_sets.estimand_key,
        option_sets.stratum_key,
        set_domains.domain_key,
        option_sets.answer_value,
        {{ exact_sum_of_sums('option_sets.o') }} as o,
        {{ exact_sum_of_sums('option_sets.oo') }} as oo,
        {{ exact_sum_of_sums('option_sets.w_s_o') }} as w_s_o,
        {{ exact_sum_of_sums('option_sets.o_squared') }} as o_squared
    from option_sets
    inner join set_domains on option_sets.set_key = set_domains.set_key
    where set_domains.has_distribution
    group by
        option_sets.estimand_key, option_sets.stratum_key, set_domains.domain_key, option_sets.answer_value

),

final as (

    select
        estimand_key,
        stratum_key,
        domain_key,
        'share_endorsed' as measure,
        case when is_negative then n_a else n_s end as n,
        case when is_negative then n_psu_a else n_psu_s end as n_psu,
        case when is_negative then w_a else w_s end as w,
        e as wy,
        case when is_unit then e_squared else e end as wyy,
        case when is_negative then ww_a else ww_s end as ww,
        w_r_e as wwy,
        ee as wywy
    from described
    where is_negative or n_s > 0
    union all
    select
        estimand_key,
        stratum_key,
        domain_key,
        'mean' as measure,
        n_s as n,
        n_psu_s as n_psu,
        w_s as w,
        v as wy,
        v_squared as wyy,
        ww_s as ww,
        w_s_v as wwy,
        vv as wywy
    from described
    where n_s > 0
    union all
    select
        estimand_key,
        stratum_key,
        domain_key,
        'share_dont_know' as measure,
        n_a as n,
        n_psu_a as n_psu,
        w_a as w,
        d as wy,
        case when is_unit then d_squared else d end as wyy,
        ww_a as ww,
        w_a_d as wwy,
        dd as wywy
    from described
    where has_distribution
    union all
    -- every option of the scale has a row, also when nobody chose it
    select
        described.estimand_key,
        described.stratum_key,
        described.domain_key,
        'share_option_' || scale_options.value as measure,
        described.n_s as n,
        described.n_psu_s as n_psu,
        described.w_s as w,
        coalesce(option_domains.o, 0e0) as wy,
        coalesce(case when described.is_unit then option_domains.o_squared else option_domains.o end, 0e0) as wyy,
        described.ww_s as ww,
        coalesce(option_domains.w_s_o, 0e0) as wwy,
        coalesce(option_domains.oo, 0e0) as wywy
    from described
    inner join {{ ref('scale_options') }} as scale_options
        on described.scale = scale_options.scale and scale_options.score is not null
    left join option_domains
        on
            described.estimand_key = option_domains.estimand_key
            and described.stratum_key = option_domains.stratum_key
            and described.domain_key = option_domains.domain_key
            and scale_options.value = option_domains.answer_value
    where described.has_distribution and described.n_s > 0

)

select * from final

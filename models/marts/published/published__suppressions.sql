{#
    Which figures are withheld, and why. A cell is what one group of respondents in one breakdown
    value says on one question; its share and mean are withheld together, and so is its distribution.

    First each cell is judged for itself. Then those that could be found from others are protected:
    the parts of a total (or the samenwerkingsverbanden of a province or sector) add up to it, so that
    the withheld parts have a known sum, and each lies in an interval that the sum and the sizes
    leave. Where that interval is too narrow for a part that is withheld for its own sake, the next
    smallest part is withheld too, and where no part is left, the total. Repeated until stable; a
    test holds that it is. The sizes are taken as known exactly, which is more than is published.
#}
{{ config(schema='disclosure') }}
{%- set passes = 6 -%}
{%- set margin = '0.15e0' -%}
with figures as (

    select
        estimates.wave_id,
        'indicator' as kind,
        estimates.indicator_code as question,
        estimates.respondent_group,
        estimates.breakdown,
        estimates.breakdown_value,
        estimates.measure,
        case
            when estimates.measure in ('share_endorsed', 'mean') then 'figure'
            else 'distribution'
        end as cell,
        estimates.n_respondents,
        estimates.n_psu,
        estimates.total_weight,
        case
            when estimates.measure = 'mean'
                then (estimates.estimate - scales.min_score) / (scales.max_score - scales.min_score)
            else estimates.estimate
        end as place,
        estimates.measure = indicators.headline_measure as is_headline_measure,
        -- of two options, the share of one is the distribution
        scales.max_score - scales.min_score = 1 and indicators.dont_know_rule = 'exclude'
        and estimates.measure like 'share_option_%' as is_share_itself
    from {{ ref('fct_indicator_estimates') }} as estimates
    inner join {{ ref('dim_waves') }} as waves on estimates.wave_id = waves.wave_id
    inner join {{ ref('indicators') }} as indicators on estimates.indicator_code = indicators.indicator_code
    inner join {{ ref('dim_items') }} as items
        on
            estimates.wave_id = items.wave_id
            and estimates.indicator_code = items.indicator_code
            and estimates.respondent_group = items.respondent_group
    inner join {{ ref('scales') }} as scales on items.scale = scales.scale
    where waves.closed_at is not null
    union all
    select
        scores.wave_id,
        'goal' as kind,
        cast(scores.goal_id as {{ dbt.type_string() }}) as question,
        scores.respondent_group,
        scores.breakdown,
        scores.breakdown_value,
        'mean' as measure,
        'figure' as cell,
        scores.n_respondents,
        scores.n_psu,
        scores.total_weight,
        scores.estimate / 100e0 as place,
        true as is_headline_measure,
        false as is_share_itself
    from {{ ref('fct_goal_scores') }} as scores
    inner join {{ ref('dim_waves') }} as waves on scores.wave_id = waves.wave_id
    where waves.closed_at is not null

),

pools as (

    select distinct
        benchmarks.indicator_code,
        benchmarks.respondent_group,
        benchmarks.measure,
        waves.wave_id
    from {{ ref('fct_swv_benchmarks') }} as benchmarks
    inner join {{ ref('dim_waves') }} as waves
        on {{ contains_code('benchmarks.waves_pooled', 'waves.wave_id') }}

),

-- pooled waves are one wave more: anybody can pool what is published of each
pooled as (

    select
        'pooled' as wave_id,
        figures.kind,
        figures.question,
        figures.respondent_group,
        figures.breakdown,
        figures.breakdown_value,
        figures.measure,
        'figure' as cell,
        cast(sum(figures.n_respondents) as bigint) as n_respondents,
        cast(sum(figures.n_psu) as bigint) as n_psu,
        {{ exact_sum('figures.total_weight') }} as total_weight,
        {{ exact_sum('figures.total_weight * figures.place') }} / {{ exact_sum('figures.total_weight') }} as place,
        true as is_headline_measure,
        false as is_share_itself
    from figures
    inner join pools
        on
            figures.kind = 'indicator'
            and figures.question = pools.indicator_code
            and figures.respondent_group = pools.respondent_group
            and figures.measure = pools.measure
            and figures.wave_id = pools.wave_id
    where figures.breakdown in ('total', 'sector', 'region', 'swv') and figures.total_weight is not null
    group by
        figures.kind,
        figures.question,
        figures.respondent_group,
        figures.breakdown,
        figures.breakdown_value,
        figures.measure

),

all_figures as (

    select * from figures
    union all
    select * from pooled

),

-- short keys: the passes below join and sort by them
keyed as (

    select
        all_figures.*,
        cast(dense_rank() over (
            order by all_figures.wave_id, all_figures.kind, all_figures.question, all_figures.respondent_group,
            all_figures.cell
        ) as int) as block_key,
        cast(dense_rank() over (order by all_figures.breakdown, all_figures.breakdown_value) as int) as domain_key,
        respondent_groups.has_swv_breakdown,
        respondent_groups.psu_attribute = 'school_code' as is_reached_through_schools
    from all_figures
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on all_figures.respondent_group = respondent_groups.respondent_group

),

judged as (

    select
        keyed.*,
        case
            when breakdown = 'swv' and not has_swv_breakdown then 'identifiable'
            when min(n_respondents) over cells < {{ suppression_threshold('min_respondents') }} then 'small_n'
            when
                cell = 'distribution'
                and not is_share_itself
                and n_respondents < {{ suppression_threshold('min_distribution_respondents') }}
                then 'small_n'
            when
                -- for these groups the PSU is the school
                breakdown in ('swv', 'region') and is_reached_through_schools
                and min(n_psu) over cells < {{ suppression_threshold('min_schools') }}
                then 'few_schools'
            -- everybody or nobody: the answer of each single respondent would be known
            when
                breakdown in ('swv', 'region')
                and (
                    min(place) over cells <= {{ tolerance() }}
                    or max(place) over cells >= 1e0 - {{ tolerance() }}
                )
                then 'identifiable'
        end as own_reason
    from keyed
    window cells as (partition by block_key, domain_key)

),

-- where the distribution is withheld, share and mean together, or either at its end, would tell it
told as (

    select
        figures_told.block_key,
        figures_told.domain_key,
        figures_told.measure,
        case
            when not figures_told.is_headline_measure then 'complementary'
            when figures_told.place not between {{ margin }} and 1e0 - {{ margin }} then 'complementary'
        end as told_reason
    from judged as figures_told
    inner join judged as distributions
        on
            figures_told.wave_id = distributions.wave_id
            and figures_told.question = distributions.question
            and figures_told.respondent_group = distributions.respondent_group
            and figures_told.domain_key = distributions.domain_key
            and figures_told.kind = 'indicator'
            and figures_told.cell = 'figure'
            and distributions.cell = 'distribution'
            and distributions.measure = 'share_option_1'
            and distributions.own_reason is not null

),

cells_0 as {{ materialized() }}(

    select
        judged.block_key,
        judged.domain_key,
        judged.measure,
        judged.n_respondents,
        judged.total_weight,
        judged.place,
        judged.own_reason,
        coalesce(judged.own_reason, told.told_reason) as reason,
        -- pooled totals, provinces and sectors follow from their waves, and cannot be withheld
        judged.wave_id = 'pooled' and judged.breakdown <> 'swv' as is_given
    from judged
    left join told
        on
            judged.block_key = told.block_key
            and judged.domain_key = told.domain_key
            and judged.measure = told.measure

),

domains as (

    select distinct
        domain_key,
        breakdown,
        breakdown_value
    from judged

),

-- what adds up to what: every breakdown to the total, samenwerkingsverbanden to province and sector
relations as (

    select
        wholes.domain_key as whole_key,
        parts.domain_key as part_key,
        parts.breakdown
    from domains as parts
    inner join domains as wholes on wholes.breakdown = 'total'
    where parts.breakdown <> 'total'
    union all
    select
        wholes.domain_key as whole_key,
        parts.domain_key as part_key,
        parts.breakdown
    from domains as parts
    inner join {{ ref('dim_samenwerkingsverbanden') }} as geography
        on parts.breakdown = 'swv' and parts.breakdown_value = geography.swv_code
    inner join domains as wholes
        on
            (wholes.breakdown = 'region' and wholes.breakdown_value = geography.region)
            or (wholes.breakdown = 'sector' and wholes.breakdown_value = geography.sector)

),
{% for pass in range(1, passes + 1) %}
parts_{{ pass }} as (

    select
        cells.block_key,
        cells.domain_key,
        relations.whole_key,
        relations.breakdown,
        cells.measure,
        cells.n_respondents,
        cells.total_weight,
        cells.place,
        cells.own_reason,
        cells.reason,
        {{ exact_window_sum(
            'case when cells.reason is not null then cells.total_weight end',
            'cells.block_key, relations.whole_key, relations.breakdown, cells.measure'
        ) }} as hidden_weight,
        {{ exact_window_sum(
            'case when cells.reason is not null then cells.total_weight * cells.place end',
            'cells.block_key, relations.whole_key, relations.breakdown, cells.measure'
        ) }} as hidden_sum,
        row_number() over (
            partition by
                cells.block_key, relations.whole_key, relations.breakdown, cells.measure, cells.reason is null
            order by cells.n_respondents, cells.domain_key
        ) as size_rank
    from cells_{{ pass - 1 }} as cells
    inner join relations on cells.domain_key = relations.part_key
    inner join cells_{{ pass - 1 }} as wholes
        on
            cells.block_key = wholes.block_key
            and relations.whole_key = wholes.domain_key
            and cells.measure = wholes.measure
    where cells.total_weight > 0 and wholes.reason is null

),

-- relations in which a part that is withheld for its own sake lies in too narrow an interval
open_{{ pass }} as (

    select
        block_key,
        whole_key,
        breakdown,
        measure
    from parts_{{ pass }}
    where
        own_reason is not null
        and least(1e0, hidden_sum / total_weight)
        - greatest(0e0, 1e0 - (hidden_weight - hidden_sum) / total_weight) < {{ margin }}
    group by block_key, whole_key, breakdown, measure

),

smallest_{{ pass }} as (

    select
        parts.block_key,
        parts.whole_key,
        parts.breakdown,
        parts.domain_key
    from parts_{{ pass }} as parts
    inner join open_{{ pass }} as open_relations
        on
            parts.block_key = open_relations.block_key
            and parts.whole_key = open_relations.whole_key
            and parts.breakdown = open_relations.breakdown
            and parts.measure = open_relations.measure
    where parts.reason is null and parts.size_rank = 1

),

added_{{ pass }} as (

    select
        block_key,
        domain_key
    from smallest_{{ pass }}
    union distinct
    select
        open_relations.block_key,
        open_relations.whole_key as domain_key
    from open_{{ pass }} as open_relations
    left join smallest_{{ pass }} as smallest
        on
            open_relations.block_key = smallest.block_key
            and open_relations.whole_key = smallest.whole_key
            and open_relations.breakdown = smallest.breakdown
    where smallest.block_key is null

),

-- what is stable stays as it is: the next pass looks at blocks in which something was open
cells_{{ pass }} as {{ materialized() }}(

    select
        cells.block_key,
        cells.domain_key,
        cells.measure,
        cells.n_respondents,
        cells.total_weight,
        cells.place,
        cells.own_reason,
        coalesce(
            cells.reason,
            case when added.domain_key is not null and not cells.is_given then 'complementary' end
        ) as reason,
        cells.is_given
    from cells_{{ pass - 1 }} as cells
    left join added_{{ pass }} as added
        on cells.block_key = added.block_key and cells.domain_key = added.domain_key
    where cells.block_key in (select open_blocks.block_key from open_{{ pass }} as open_blocks)

),
{% endfor %}
added as (
    {% for pass in range(1, passes + 1) %}
    select
        block_key,
        domain_key
    from added_{{ pass }}
    {{ 'union distinct' if not loop.last }}
    {%- endfor %}
),

protected as (

    select
        judged.wave_id,
        judged.kind,
        judged.question,
        judged.respondent_group,
        judged.breakdown,
        judged.breakdown_value,
        judged.measure,
        judged.total_weight,
        judged.place,
        judged.own_reason,
        coalesce(
            cells_0.reason,
            case when added.domain_key is not null and not cells_0.is_given then 'complementary' end
        ) as reason,
        judged.block_key not in (select open_blocks.block_key from open_{{ passes }} as open_blocks) as is_stable
    from judged
    inner join cells_0
        on
            judged.block_key = cells_0.block_key
            and judged.domain_key = cells_0.domain_key
            and judged.measure = cells_0.measure
    left join added on judged.block_key = added.block_key and judged.domain_key = added.domain_key

),

-- a pooled figure and all but one of its waves give that one
waves_of_pools as (

    select
        waves.*,
        {{ exact_window_sum(
            'case when waves.reason is not null then waves.total_weight end',
            'waves.question, waves.respondent_group, waves.breakdown_value'
        ) }} as hidden_weight,
        {{ exact_window_sum(
            'case when waves.reason is not null then waves.total_weight * waves.place end',
            'waves.question, waves.respondent_group, waves.breakdown_value'
        ) }} as hidden_sum
    from protected as waves
    inner join pools
        on
            waves.kind = 'indicator'
            and waves.question = pools.indicator_code
            and waves.respondent_group = pools.respondent_group
            and waves.measure = pools.measure
            and waves.wave_id = pools.wave_id
    where waves.breakdown = 'swv' and waves.total_weight > 0

),

found_from_pools as (

    select distinct
        'pooled' as wave_id,
        question,
        respondent_group,
        breakdown,
        breakdown_value,
        measure
    from waves_of_pools
    where
        own_reason is not null
        and least(1e0, hidden_sum / total_weight)
        - greatest(0e0, 1e0 - (hidden_weight - hidden_sum) / total_weight) < {{ margin }}

),

final as (

    select
        protected.wave_id,
        protected.kind,
        protected.question,
        protected.respondent_group,
        protected.breakdown,
        protected.breakdown_value,
        protected.measure,
        coalesce(protected.reason, 'complementary') as suppression_reason,
        protected.is_stable
    from protected
    left join found_from_pools
        on
            protected.wave_id = found_from_pools.wave_id
            and protected.question = found_from_pools.question
            and protected.respondent_group = found_from_pools.respondent_group
            and protected.breakdown = found_from_pools.breakdown
            and protected.breakdown_value = found_from_pools.breakdown_value
            and protected.measure = found_from_pools.measure
    where protected.reason is not null or found_from_pools.question is not null

)

select * from final

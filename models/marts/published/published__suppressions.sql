{#
    Which figures are withheld, and why. A cell is what one group of respondents in one breakdown
    value says on one question; its share and mean are withheld together, and so is its distribution.
    First each cell is judged for itself; then those that could be found from others are protected,
    in each wave and after that in the pooled waves.
#}
{{ config(schema='disclosure') }}
{%- set passes = 5 -%}
{%- set margin = '0.15e0' -%}
{%- set swv_margin = '0.4e0' -%}
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
            -- of two options without don't know, the share of one is the share endorsed
            when
                scales.max_score - scales.min_score = 1
                and indicators.dont_know_rule = 'exclude'
                and estimates.measure like 'share_option_%'
                then 'figure'
            else 'distribution'
        end as cell,
        estimates.n_respondents,
        estimates.n_psu,
        estimates.total_weight,
        case
            when estimates.measure = 'mean'
                then (estimates.estimate - scales.min_score) / (scales.max_score - scales.min_score)
            else estimates.estimate
        end as place
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
        scores.estimate / 100e0 as place
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
        {{ exact_sum('figures.total_weight * figures.place') }} / {{ exact_sum('figures.total_weight') }} as place
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
            order by
                all_figures.wave_id, all_figures.kind, all_figures.question, all_figures.respondent_group,
                all_figures.cell
        ) as int) as block_key,
        cast(dense_rank() over (order by all_figures.breakdown, all_figures.breakdown_value) as int) as domain_key,
        respondent_groups.psu_attribute = 'school_code' as is_reached_through_schools,
        respondent_groups.design in ('census', 'near_census') as is_near_census
    from all_figures
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on all_figures.respondent_group = respondent_groups.respondent_group

),

judged as (

    select
        keyed.*,
        case
            when min(keyed.n_respondents) over cells < {{ suppression_threshold('min_respondents') }} then 'small_n'
            when
                keyed.cell = 'distribution'
                and min(keyed.n_respondents) over cells < {{ suppression_threshold('min_distribution_respondents') }}
                then 'small_n'
            when
                -- for these groups the PSU is the school
                keyed.breakdown in ('swv', 'region') and keyed.is_reached_through_schools
                and min(keyed.n_psu) over cells < {{ suppression_threshold('min_schools') }}
                then 'few_schools'
            -- everybody or nobody: the answer of each single respondent would be known
            when
                keyed.breakdown in ('swv', 'region')
                and (
                    min(keyed.place) over cells <= {{ tolerance() }}
                    or max(keyed.place) over cells >= 1e0 - {{ tolerance() }}
                )
                then 'identifiable'
        end as own_reason
    from keyed
    window cells as (partition by block_key, domain_key)

),

-- where the endorsed options begin on a scale of 0 to 1, and where the others end
options_of_questions as (

    select
        indicators.indicator_code as question,
        min(case
            when {{ contains_code('indicators.endorsed_codes', 'options.value') }} then
                (options.score - scales.min_score) * 1e0 / (scales.max_score - scales.min_score)
        end) as lowest_endorsed,
        max(case
            when not {{ contains_code('indicators.endorsed_codes', 'options.value') }} then
                (options.score - scales.min_score) * 1e0 / (scales.max_score - scales.min_score)
        end) as highest_other
    from {{ ref('indicators') }} as indicators
    inner join {{ ref('scales') }} as scales on indicators.scale = scales.scale
    inner join {{ ref('scale_options') }} as options
        on indicators.scale = options.scale and options.score is not null
    group by indicators.indicator_code

),

withheld_distributions as (

    select distinct
        wave_id,
        question,
        respondent_group,
        domain_key
    from judged
    where kind = 'indicator' and cell = 'distribution' and own_reason is not null

),

beside_distributions as (

    select
        judged.block_key,
        judged.domain_key,
        judged.question,
        min(judged.place) as lowest_place,
        max(judged.place) as highest_place,
        max(case when judged.measure = 'share_endorsed' then judged.place end) as share,
        max(case when judged.measure = 'mean' then judged.place end) as mean
    from judged
    inner join withheld_distributions as distributions
        on
            judged.wave_id = distributions.wave_id
            and judged.question = distributions.question
            and judged.respondent_group = distributions.respondent_group
            and judged.domain_key = distributions.domain_key
    where judged.kind = 'indicator' and judged.cell = 'figure'
    group by judged.block_key, judged.domain_key, judged.question

),

-- where the distribution is withheld, a share or mean near its end would bound every option, and so
-- would a mean near the highest or lowest that the share leaves it
told_by_figures as (

    select
        figures_told.block_key,
        figures_told.domain_key
    from beside_distributions as figures_told
    inner join options_of_questions as options on figures_told.question = options.question
    where
        figures_told.lowest_place < {{ margin }}
        or figures_told.highest_place > 1e0 - {{ margin }}
        or least(
            figures_told.share + (1e0 - figures_told.share) * options.highest_other - figures_told.mean,
            figures_told.mean - figures_told.share * options.lowest_endorsed
        ) < {{ margin }} * greatest(options.highest_other, 1e0 - options.lowest_endorsed)

),

-- where nearly all were asked, weights tell the respondents of a landsdeel: one small province in it is
-- what the others leave
provinces_in_landsdelen as (

    select
        judged.block_key,
        judged.domain_key,
        judged.measure,
        judged.own_reason,
        sum(case when judged.own_reason is not null then 1 else 0 end) over landsdelen as hidden_count,
        sum(case when judged.own_reason = 'small_n' then 1 else 0 end) over landsdelen as small_count,
        row_number() over (
            partition by judged.block_key, judged.measure, provinces.landsdeel, judged.own_reason is null
            -- three more than the threshold, which its reason tells: the small one could have as many
            order by
                case when judged.n_respondents >= {{ suppression_threshold('min_respondents') }} + 3 then 0 else 1 end,
                judged.n_respondents,
                judged.domain_key
        ) as size_rank
    from judged
    inner join {{ ref('provinces') }} as provinces on judged.breakdown_value = provinces.region
    where
        judged.breakdown = 'region' and judged.is_near_census
        and judged.kind = 'indicator' and judged.wave_id <> 'pooled'
    window landsdelen as (partition by judged.block_key, judged.measure, provinces.landsdeel)

),

told as (

    select
        block_key,
        domain_key
    from told_by_figures
    union distinct
    select
        block_key,
        domain_key
    from provinces_in_landsdelen
    where own_reason is null and size_rank = 1 and hidden_count = 1 and small_count = 1

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
            (wholes.breakdown = 'region' and geography.region = wholes.breakdown_value)
            or (wholes.breakdown = 'sector' and geography.sector = wholes.breakdown_value)

),

waves_cells as (

    select
        judged.block_key,
        judged.domain_key,
        judged.measure,
        judged.n_respondents,
        judged.total_weight,
        judged.place,
        coalesce(judged.own_reason, case when told.domain_key is not null then 'complementary' end) as own_reason,
        coalesce(judged.own_reason, case when told.domain_key is not null then 'complementary' end) as reason,
        false as is_given
    from judged
    left join told on judged.block_key = told.block_key and judged.domain_key = told.domain_key
    where judged.wave_id <> 'pooled'

),

{{ protect_parts('waves_cells', passes, margin, swv_margin) }},

-- a pooled figure and all but one of its waves give that one, or narrow it: then it is withheld
waves_of_pools as (

    select
        pooled_cells.block_key,
        pooled_cells.domain_key,
        protected.reason,
        protected.total_weight,
        protected.place,
        {{ exact_window_sum(
            'case when protected.reason is not null then protected.total_weight end',
            'pooled_cells.block_key, pooled_cells.domain_key'
        ) }} as hidden_weight,
        {{ exact_window_sum(
            'case when protected.reason is not null then protected.total_weight * protected.place end',
            'pooled_cells.block_key, pooled_cells.domain_key'
        ) }} as hidden_sum
    from judged as pooled_cells
    inner join pools
        on pooled_cells.question = pools.indicator_code and pooled_cells.respondent_group = pools.respondent_group
    inner join judged
        on
            pools.wave_id = judged.wave_id
            and judged.kind = 'indicator'
            and pooled_cells.question = judged.question
            and pooled_cells.respondent_group = judged.respondent_group
            and pooled_cells.domain_key = judged.domain_key
            and pooled_cells.measure = judged.measure
    inner join waves_cells_protected as protected
        on
            judged.block_key = protected.block_key
            and judged.domain_key = protected.domain_key
            and judged.measure = protected.measure
    where pooled_cells.wave_id = 'pooled' and protected.total_weight > 0

),

told_by_pools as (

    select
        block_key,
        domain_key,
        -- the pooled whole is no more known than its waves
        min(case when reason is null then 1 else 0 end) = 1 as is_given,
        max(
            case
                -- what is withheld to protect another would no longer protect it
                when reason = 'complementary' then 1
                when
                    reason is not null
                    and least(1e0, hidden_sum / total_weight)
                    - greatest(0e0, 1e0 - (hidden_weight - hidden_sum) / total_weight) < {{ margin }}
                    then 1
                else 0
            end
        ) = 1 as is_telling
    from waves_of_pools
    group by block_key, domain_key

),

pooled_cells as (

    select
        judged.block_key,
        judged.domain_key,
        judged.measure,
        judged.n_respondents,
        judged.total_weight,
        judged.place,
        coalesce(judged.own_reason, case when told_by_pools.is_telling then 'complementary' end) as own_reason,
        coalesce(
            judged.own_reason,
            case
                when told_by_pools.is_telling or (judged.breakdown <> 'swv' and not told_by_pools.is_given)
                    then 'complementary'
            end
        ) as reason,
        judged.breakdown <> 'swv' and told_by_pools.is_given as is_given
    from judged
    inner join told_by_pools
        on judged.block_key = told_by_pools.block_key and judged.domain_key = told_by_pools.domain_key

),

{{ protect_parts('pooled_cells', passes, margin, swv_margin) }},

-- a sector's distribution protects the other sectors from subtraction from the total, and its own
-- share and mean where they are withheld: without both it is free
withheld_figures as (

    select distinct
        judged.wave_id,
        judged.question,
        judged.respondent_group,
        judged.domain_key
    from judged
    inner join waves_cells_protected as protected_figures
        on
            judged.block_key = protected_figures.block_key
            and judged.domain_key = protected_figures.domain_key
            and judged.measure = protected_figures.measure
    where judged.kind = 'indicator' and judged.cell = 'figure' and protected_figures.reason is not null

),

free_distributions as (

    select
        parts.block_key,
        parts.domain_key,
        parts.measure
    from judged as parts
    inner join domains as wholes on wholes.breakdown = 'total'
    inner join waves_cells_protected as of_wholes
        on
            wholes.domain_key = of_wholes.domain_key
            and parts.block_key = of_wholes.block_key
            and parts.measure = of_wholes.measure
    left join withheld_figures
        on
            parts.wave_id = withheld_figures.wave_id
            and parts.question = withheld_figures.question
            and parts.respondent_group = withheld_figures.respondent_group
            and parts.domain_key = withheld_figures.domain_key
    where
        parts.cell = 'distribution' and parts.breakdown = 'sector'
        and parts.own_reason is null and of_wholes.reason is not null
        and withheld_figures.question is null

),

protected as (

    select waves_cells_protected.*
    from waves_cells_protected
    left join free_distributions
        on
            waves_cells_protected.block_key = free_distributions.block_key
            and waves_cells_protected.domain_key = free_distributions.domain_key
            and waves_cells_protected.measure = free_distributions.measure
    where free_distributions.block_key is null
    union all
    select * from pooled_cells_protected

),

final as (

    select
        judged.wave_id,
        judged.kind,
        judged.question,
        judged.respondent_group,
        judged.breakdown,
        judged.breakdown_value,
        judged.measure,
        -- the reason may not tell that everybody, or nobody, said so
        case when protected.reason = 'identifiable' then 'complementary' else protected.reason end
            as suppression_reason,
        judged.own_reason is not null as is_own
    from judged
    inner join protected
        on
            judged.block_key = protected.block_key
            and judged.domain_key = protected.domain_key
            and judged.measure = protected.measure
    where protected.reason is not null

)

select * from final

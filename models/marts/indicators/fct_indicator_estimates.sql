with domains as (

    select
        cells.wave_id,
        cells.indicator_code,
        cells.respondent_group,
        cells.unit_of_count,
        cells.breakdown,
        cells.breakdown_value,
        cast(sum(cells.n_substantive) as bigint) as n_substantive,
        cast(sum(cells.n_with_dont_know) as bigint) as n_with_dont_know,
        count(cells.weight_substantive) as n_psu_substantive,
        count(*) as n_psu_with_dont_know,
        {{ exact_sum('cells.weight_substantive') }} as weight_substantive,
        {{ exact_sum('cells.weight_with_dont_know') }} as weight_with_dont_know,
        {{ exact_sum('cells.endorsed_substantive') }} as endorsed_substantive,
        {{ exact_sum('cells.endorsed_with_dont_know') }} as endorsed_with_dont_know,
        {{ exact_sum('cells.dont_know_weight') }} as dont_know_weight,
        {{ exact_sum('cells.weighted_score') }} as weighted_score
    from {{ ref('int_estimation__cells') }} as cells
    group by
        cells.wave_id, cells.indicator_code, cells.respondent_group, cells.unit_of_count,
        cells.breakdown, cells.breakdown_value

),

described as (

    select
        domains.*,
        indicators.scale,
        scales.kind as scale_kind,
        indicators.dont_know_rule = 'count_as_negative' as is_dont_know_negative
    from domains
    inner join {{ ref('indicators') }} as indicators on domains.indicator_code = indicators.indicator_code
    inner join {{ ref('scales') }} as scales on indicators.scale = scales.scale

),

-- every option of the scale has a row, also when nobody chose it
options as (

    select
        described.*,
        scale_options.value as option_value,
        coalesce(distributions.option_weight, 0e0) as option_weight
    from described
    inner join {{ ref('scale_options') }} as scale_options
        on described.scale = scale_options.scale and scale_options.score is not null
    left join {{ ref('int_estimation__distributions') }} as distributions
        on
            described.wave_id = distributions.wave_id
            and described.indicator_code = distributions.indicator_code
            and described.respondent_group = distributions.respondent_group
            and described.breakdown = distributions.breakdown
            and described.breakdown_value = distributions.breakdown_value
            and scale_options.value = distributions.answer_value
    where described.breakdown in ('total', 'sector')

),

measures as (

    select
        wave_id,
        indicator_code,
        respondent_group,
        unit_of_count,
        breakdown,
        breakdown_value,
        'share_endorsed' as measure,
        case
            when is_dont_know_negative then endorsed_with_dont_know / nullif(weight_with_dont_know, 0)
            else endorsed_substantive / nullif(weight_substantive, 0)
        end as estimate,
        case when is_dont_know_negative then n_with_dont_know else n_substantive end as n_respondents,
        case when is_dont_know_negative then n_psu_with_dont_know else n_psu_substantive end as n_psu
    from described
    union all
    select
        wave_id,
        indicator_code,
        respondent_group,
        unit_of_count,
        breakdown,
        breakdown_value,
        'mean' as measure,
        weighted_score / nullif(weight_substantive, 0) as estimate,
        n_substantive as n_respondents,
        n_psu_substantive as n_psu
    from described
    where scale_kind in ('ordinal', 'numeric')
    union all
    select
        wave_id,
        indicator_code,
        respondent_group,
        unit_of_count,
        breakdown,
        breakdown_value,
        'share_dont_know' as measure,
        dont_know_weight / nullif(weight_with_dont_know, 0) as estimate,
        n_with_dont_know as n_respondents,
        n_psu_with_dont_know as n_psu
    from described
    where breakdown in ('total', 'sector')
    union all
    select
        wave_id,
        indicator_code,
        respondent_group,
        unit_of_count,
        breakdown,
        breakdown_value,
        'share_option_' || option_value as measure,
        option_weight / nullif(weight_substantive, 0) as estimate,
        n_substantive as n_respondents,
        n_psu_substantive as n_psu
    from options

),

final as (

    select
        measures.wave_id,
        measures.indicator_code,
        measures.respondent_group,
        measures.breakdown,
        measures.breakdown_value,
        measures.measure,
        md5(
            measures.wave_id || '|' || measures.indicator_code || '|' || measures.respondent_group || '|'
            || measures.breakdown || '|' || measures.breakdown_value || '|' || measures.measure
        ) as estimate_id,
        measures.unit_of_count,
        measures.estimate,
        measures.n_respondents,
        -- a school or samenwerkingsverband that is counted is also the PSU
        case when measures.unit_of_count = 'respondent' then measures.n_respondents else measures.n_psu end as n_units,
        measures.n_psu,
        items.comparability
    from measures
    inner join {{ ref('dim_items') }} as items
        on
            measures.wave_id = items.wave_id
            and measures.indicator_code = items.indicator_code
            and measures.respondent_group = items.respondent_group

)

select * from final

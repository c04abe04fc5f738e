with cells as (

    select
        cells.*,
        indicators.scale,
        indicators.dont_know_rule,
        scales.kind as scale_kind
    from {{ ref('int_estimation__cells') }} as cells
    inner join {{ ref('indicators') }} as indicators on cells.indicator_code = indicators.indicator_code
    inner join {{ ref('scales') }} as scales on indicators.scale = scales.scale

),

domains as (

    select
        wave_id,
        indicator_code,
        respondent_group,
        unit_of_count,
        breakdown,
        breakdown_value,
        scale,
        scale_kind,
        dont_know_rule,
        {{ exact_sum('weight_substantive') }} as weight_substantive,
        {{ exact_sum('weight_with_dont_know') }} as weight_with_dont_know,
        {{ exact_sum('case when is_endorsed then weight_substantive else 0 end') }} as endorsed_substantive,
        {{ exact_sum('case when is_endorsed then weight_with_dont_know else 0 end') }} as endorsed_with_dont_know,
        {{ exact_sum('case when is_dont_know then weight_with_dont_know else 0 end') }} as dont_know,
        {{ exact_sum('weighted_score') }} as weighted_score
    from cells
    group by
        wave_id, indicator_code, respondent_group, unit_of_count, breakdown, breakdown_value,
        scale, scale_kind, dont_know_rule

),

options as (

    select
        scale,
        value
    from {{ ref('scale_options') }}
    where score is not null

),

-- every option of the scale has a row, also when nobody chose it
option_weights as (

    select
        domains.wave_id,
        domains.indicator_code,
        domains.respondent_group,
        domains.unit_of_count,
        domains.breakdown,
        domains.breakdown_value,
        options.value as option_value,
        max(domains.weight_substantive) as weight_substantive,
        coalesce({{ exact_sum('cells.weight_substantive') }}, 0e0) as option_weight
    from domains
    inner join options on domains.scale = options.scale
    left join cells
        on
            domains.wave_id = cells.wave_id
            and domains.indicator_code = cells.indicator_code
            and domains.respondent_group = cells.respondent_group
            and domains.breakdown = cells.breakdown
            and domains.breakdown_value = cells.breakdown_value
            and options.value = cells.answer_value
            and not cells.is_dont_know
    where domains.breakdown in ('total', 'sector')
    group by
        domains.wave_id, domains.indicator_code, domains.respondent_group, domains.unit_of_count,
        domains.breakdown, domains.breakdown_value, options.value

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
            when dont_know_rule = 'count_as_negative' then endorsed_with_dont_know / nullif(weight_with_dont_know, 0)
            else endorsed_substantive / nullif(weight_substantive, 0)
        end as estimate,
        dont_know_rule = 'count_as_negative' as counts_dont_know
    from domains
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
        false as counts_dont_know
    from domains
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
        dont_know / nullif(weight_with_dont_know, 0) as estimate,
        true as counts_dont_know
    from domains
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
        false as counts_dont_know
    from option_weights

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
        case
            when measures.counts_dont_know then counts.n_respondents_with_dont_know
            else counts.n_respondents_substantive
        end as n_respondents,
        case when measures.counts_dont_know then counts.n_units_with_dont_know else counts.n_units_substantive end
            as n_units,
        case when measures.counts_dont_know then counts.n_psu_with_dont_know else counts.n_psu_substantive end
            as n_psu,
        case when measures.counts_dont_know then counts.n_schools_with_dont_know else counts.n_schools_substantive end
            as n_schools,
        items.comparability
    from measures
    inner join {{ ref('int_estimation__counts') }} as counts
        on
            measures.wave_id = counts.wave_id
            and measures.indicator_code = counts.indicator_code
            and measures.respondent_group = counts.respondent_group
            and measures.breakdown = counts.breakdown
            and measures.breakdown_value = counts.breakdown_value
    inner join {{ ref('dim_items') }} as items
        on
            measures.wave_id = items.wave_id
            and measures.indicator_code = items.indicator_code
            and measures.respondent_group = items.respondent_group

)

select * from final

with domains as (

    select
        variable_key,
        domain_key,
        cast(sum(n_substantive) as bigint) as n_substantive,
        cast(sum(n_with_dont_know) as bigint) as n_with_dont_know,
        count(weight_substantive) as n_psu_substantive,
        count(*) as n_psu_with_dont_know,
        {{ exact_sum('weight_substantive') }} as weight_substantive,
        {{ exact_sum('weight_with_dont_know') }} as weight_with_dont_know,
        {{ exact_sum('endorsed_substantive') }} as endorsed_substantive,
        {{ exact_sum('endorsed_with_dont_know') }} as endorsed_with_dont_know,
        {{ exact_sum('dont_know_weight') }} as dont_know_weight,
        {{ exact_sum('weighted_score') }} as weighted_score
    from {{ ref('int_estimation__cells') }}
    group by variable_key, domain_key

),

breakdowns as (

    select distinct
        domain_key,
        breakdown,
        breakdown_value
    from {{ ref('int_respondents__breakdowns') }}

),

described as (

    select
        domains.*,
        variables.wave_id,
        variables.indicator_code,
        variables.respondent_group,
        variables.unit_of_count,
        variables.scale,
        variables.scale_kind,
        breakdowns.breakdown,
        breakdowns.breakdown_value,
        indicators.dont_know_rule = 'count_as_negative' as is_dont_know_negative
    from domains
    inner join {{ ref('int_codebook__variables') }} as variables on domains.variable_key = variables.variable_key
    inner join {{ ref('indicators') }} as indicators on variables.indicator_code = indicators.indicator_code
    inner join breakdowns on domains.domain_key = breakdowns.domain_key

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
            described.variable_key = distributions.variable_key
            and described.domain_key = distributions.domain_key
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

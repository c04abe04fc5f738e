-- disclosure control of the estimates of closed waves
with estimates as (

    select
        estimates.*,
        respondent_groups.has_swv_breakdown,
        respondent_groups.psu_attribute = 'school_code' as is_reached_through_schools,
        case when estimates.measure = 'mean' then scales.min_score else 0e0 end as lowest_estimate,
        case when estimates.measure = 'mean' then scales.max_score else 1e0 end as highest_estimate
    from {{ ref('fct_indicator_estimates') }} as estimates
    inner join {{ ref('dim_waves') }} as waves on estimates.wave_id = waves.wave_id
    inner join {{ ref('respondent_groups') }} as respondent_groups
        on estimates.respondent_group = respondent_groups.respondent_group
    inner join {{ ref('indicators') }} as indicators on estimates.indicator_code = indicators.indicator_code
    inner join {{ ref('scales') }} as scales on indicators.scale = scales.scale
    where waves.closed_at is not null

),

judged as (

    select
        *,
        case
            when breakdown = 'swv' and not has_swv_breakdown then 'identifiable'
            when n_respondents < {{ suppression_threshold('min_respondents') }} then 'small_n'
            when
                (measure = 'share_dont_know' or measure like 'share_option_%')
                and n_respondents < {{ suppression_threshold('min_distribution_respondents') }}
                then 'small_n'
            when
                -- for these groups the PSU is the school
                breakdown in ('swv', 'region') and is_reached_through_schools
                and n_psu < {{ suppression_threshold('min_schools') }}
                then 'few_schools'
            -- everybody or nobody: the answer of each single respondent would be known
            when
                breakdown in ('swv', 'region')
                and (estimate <= lowest_estimate or estimate >= highest_estimate)
                then 'identifiable'
        end as own_reason
    from estimates

),

ranked as (

    select
        *,
        sum(case when own_reason is null then 0 else 1 end) over parts as suppressed_count,
        sum(case when own_reason is null then 0 else n_respondents end) over parts as suppressed_respondents,
        row_number() over (
            partition by
                wave_id, indicator_code, respondent_group, breakdown, measure,
                case when own_reason is null then 1 else 0 end
            order by n_respondents, breakdown_value
        ) as size_rank
    from judged
    window parts as (partition by wave_id, indicator_code, respondent_group, breakdown, measure)

),

-- a single suppressed part is the total minus the others: the next smallest goes with it
protected as (

    select
        *,
        coalesce(
            own_reason,
            case
                when
                    breakdown <> 'total' and size_rank = 1
                    and (
                        suppressed_count = 1
                        or (
                            suppressed_count > 1
                            and suppressed_respondents < {{ suppression_threshold('min_respondents') }}
                        )
                    )
                    then 'complementary'
            end
        ) as reason
    from ranked

),

final as (

    select
        wave_id,
        indicator_code,
        respondent_group,
        breakdown,
        breakdown_value,
        measure,
        estimate_id,
        unit_of_count,
        case when reason is null then estimate end as estimate,
        case when reason is null then {{ round_count('n_respondents') }} end as n_respondents,
        case when reason is null then {{ round_count('n_units') }} end as n_units,
        case when reason is null then {{ round_count('n_psu') }} end as n_psu,
        reason is not null as is_suppressed,
        reason as suppression_reason,
        comparability
    from protected

)

select * from final

-- a change is withheld when either of its two figures is, for the other would give it
with suppressions as (

    select * from {{ ref('published__suppressions') }}
    where kind = 'indicator'

),

judged as (

    select
        changes.*,
        own.question is not null or of_baseline.question is not null as is_suppressed
    from {{ ref('fct_indicator_changes') }} as changes
    inner join {{ ref('dim_waves') }} as waves on changes.wave_id = waves.wave_id and waves.closed_at is not null
    inner join {{ ref('dim_waves') }} as baseline_waves
        on changes.baseline_wave_id = baseline_waves.wave_id and baseline_waves.closed_at is not null
    left join suppressions as own
        on
            changes.wave_id = own.wave_id
            and changes.indicator_code = own.question
            and changes.respondent_group = own.respondent_group
            and changes.breakdown = own.breakdown
            and changes.breakdown_value = own.breakdown_value
            and changes.measure = own.measure
    left join suppressions as of_baseline
        on
            changes.baseline_wave_id = of_baseline.wave_id
            and changes.indicator_code = of_baseline.question
            and changes.respondent_group = of_baseline.respondent_group
            and changes.breakdown = of_baseline.breakdown
            and changes.breakdown_value = of_baseline.breakdown_value
            and changes.measure = of_baseline.measure

),

final as (

    select
        wave_id,
        indicator_code,
        respondent_group,
        breakdown,
        breakdown_value,
        measure,
        baseline_wave_id,
        {{ unless_withheld(
            [
                'change',
                'standard_error',
                'ci_lower',
                'ci_upper',
                'degrees_of_freedom',
                'p_value',
                'p_value_adjusted',
                'is_significant',
                'direction',
            ], 'is_suppressed'
        ) }},
        comparability,
        is_suppressed,
        case when is_suppressed then 'derived' end as suppression_reason
    from judged

)

select * from final

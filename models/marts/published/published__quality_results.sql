-- what the gates found: of accepted deliveries of closed waves, and of the last publication
with results as (

    select * from {{ source('audit', 'quality_results') }}
    -- its outcome changes when open answers are purged, and a release may not
    where expectation <> 'open_text_is_free_of_personal_data'

),

accepted as (

    select deliveries.delivery_id
    from {{ ref('stg_survey__deliveries') }} as deliveries
    inner join {{ ref('dim_waves') }} as waves on deliveries.wave_id = waves.wave_id
    where deliveries.status = 'accepted' and waves.closed_at is not null

),

final as (

    select
        results.gate,
        results.suite,
        results.expectation,
        results.wave_id,
        results.respondent_group,
        results.severity,
        results.success,
        case
            when results.gate = 'raw' then {{ whole_percent('results.observed_value') }}
            else results.observed_value
        end as observed_value,
        case
            when results.gate = 'raw' then {{ round_count('results.unexpected_count') }}
            else results.unexpected_count
        end as unexpected_count
    from results
    left join accepted on results.delivery_id = accepted.delivery_id
    where results.gate = 'publication' or accepted.delivery_id is not null

)

select * from final

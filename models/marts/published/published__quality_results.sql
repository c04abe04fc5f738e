-- what the gates found: of accepted deliveries, and of the last publication
with results as (

    select * from {{ source('audit', 'quality_results') }}

),

accepted as (

    select delivery_id
    from {{ ref('stg_survey__deliveries') }}
    where status = 'accepted'

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
        results.observed_value,
        results.unexpected_count
    from results
    left join accepted on results.delivery_id = accepted.delivery_id
    where results.gate = 'publication' or accepted.delivery_id is not null

)

select * from final

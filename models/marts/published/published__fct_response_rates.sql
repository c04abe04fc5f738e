with rates as (

    select rates.*
    from {{ ref('fct_response_rates') }} as rates
    inner join {{ ref('dim_waves') }} as waves on rates.wave_id = waves.wave_id
    where waves.closed_at is not null

),

ordered as (

    select
        *,
        coalesce(
            sum(responded) over (
                partition by wave_id, respondent_group
                order by responded, stratum
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as responded_in_smaller
    from rates

),

-- strata with few answers are folded into one, together with the next until it is large enough
folded as (

    select
        *,
        case
            when
                responded < {{ suppression_threshold('min_respondents') }}
                or (
                    responded_in_smaller > 0
                    and responded_in_smaller < {{ suppression_threshold('min_respondents') }}
                )
                then 'folded'
            else stratum
        end as published_stratum
    from ordered

),

summed as (

    select
        wave_id,
        respondent_group,
        published_stratum,
        min(weighting) as weighting,
        cast(sum(population_units) as bigint) as population_units,
        cast(sum(responded) as bigint) as responded,
        cast(sum(complete) as bigint) as complete,
        {{ exact_sum('coalesce(mean_weight, 0) * responded') }} as total_weight
    from folded
    group by wave_id, respondent_group, published_stratum

),

-- everything else follows from rounded counts: a mean weight with all digits gave the exact ones
rounded as (

    select
        *,
        {{ round_count('responded') }} as shown_responded,
        {{ round_count('complete') }} as shown_complete,
        total_weight / {{ exact_window_sum('total_weight', 'wave_id, respondent_group') }} as share_of_weight
    from summed

),

final as (

    select
        wave_id,
        respondent_group,
        published_stratum as stratum,
        population_units,
        shown_responded as responded,
        shown_complete as complete,
        -- rounding up may not pass the population
        least(shown_responded * 1e0 / population_units, 1e0) as response_rate,
        {{ on_step(
            'share_of_weight * sum(shown_responded) over (partition by wave_id, respondent_group)'
            ' / nullif(shown_responded, 0)', '0.01e0'
        ) }} as mean_weight,
        weighting
    from rounded

)

select * from final

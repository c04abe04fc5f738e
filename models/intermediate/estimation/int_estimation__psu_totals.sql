-- sums per question, PSU and set of breakdown values, which all measures but the options rest on
with final as (

    select
        cells.estimand_key,
        cells.set_key,
        cells.psu_key,
        cast(sum(cells.n_respondents) as bigint) as n_answered,
        cast(sum(case when cells.is_dont_know then 0 else cells.n_respondents end) as bigint) as n_substantive,
        {{ exact_sum('cells.weight_answered', digits=18) }} as weight_answered,
        coalesce({{ exact_sum('case when not cells.is_dont_know then cells.weight_substantive end', digits=18) }}, 0e0)
            as weight_substantive,
        coalesce(
            {{ exact_sum("case
                when not cells.is_endorsed then null
                when estimands.is_dont_know_negative then cells.weight_answered
                else cells.weight_substantive
            end", digits=18) }}, 0e0
        ) as endorsed_weight,
        coalesce({{ exact_sum('case when cells.is_dont_know then cells.weight_answered end', digits=18) }}, 0e0)
            as dont_know_weight,
        coalesce({{ exact_sum('cells.weight_substantive * cells.score', digits=18) }}, 0e0) as score_weight,
        coalesce({{ exact_sum('cells.weight_substantive * cells.score * cells.score') }}, 0e0)
            as squared_score_weight
    from {{ ref('int_estimation__cells') }} as cells
    inner join {{ ref('int_estimation__estimands') }} as estimands on cells.estimand_key = estimands.estimand_key
    group by cells.estimand_key, cells.set_key, cells.psu_key

)

select * from final

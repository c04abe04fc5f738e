{#
    One scan of the answers: how many gave which answer, per question, PSU and set of breakdown
    values, and what they weigh. After this no model reads answers again.
#}
with members as (

    select
        units.respondent_key,
        units.unit_of_count,
        units.psu_key,
        units.unit_weight,
        domain_sets.set_key
    from {{ ref('int_respondents__units') }} as units
    inner join {{ ref('int_respondents__domain_sets') }} as domain_sets
        on units.respondent_key = domain_sets.respondent_key

),

-- substantive answers and don't know: those that enter a denominator
-- (two CTEs rather than one that is read twice, which an engine would keep in memory as a whole)
{% for name, operator, unit in [
    ('answers_of_respondents', '=', "'respondent'"),
    ('answers_in_units', '<>', 'estimands.unit_of_count'),
] -%}
    {{ name }} as (

        select
            estimands.estimand_key,
            members.psu_key,
            members.set_key,
            decoded.answer_value,
            decoded.score,
            decoded.is_endorsed,
            decoded.missing_reason is not null as is_dont_know,
            count(*) as n_respondents,
            {{ exact_sum('members.unit_weight', digits=18) }} as weight
        from {{ ref('int_answers__decoded') }} as decoded
        inner join {{ ref('int_estimation__estimands') }} as estimands
            on decoded.variable_key = estimands.estimand_key
        inner join members
            on decoded.respondent_key = members.respondent_key and {{ unit }} = members.unit_of_count
        where
            (decoded.missing_reason is null or decoded.missing_reason = 'dont_know')
            and estimands.kind = 'indicator'
            and estimands.unit_of_count {{ operator }} 'respondent'
        group by
            estimands.estimand_key,
            members.psu_key,
            members.set_key,
            decoded.answer_value,
            decoded.score,
            decoded.is_endorsed,
            decoded.missing_reason is not null

    ),

{% endfor -%}
-- a school or samenwerkingsverband that is counted is a PSU, and the set with the total holds it whole
answers_of_units as (

    select
        answers_in_units.estimand_key,
        answers_in_units.psu_key,
        sum(answers_in_units.n_respondents) as n_answered,
        sum(case when answers_in_units.is_dont_know then 0 else answers_in_units.n_respondents end) as n_substantive
    from answers_in_units
    inner join {{ ref('int_estimation__set_domains') }} as set_domains
        on answers_in_units.set_key = set_domains.set_key and set_domains.breakdown = 'total'
    group by answers_in_units.estimand_key, answers_in_units.psu_key

),

-- its weight is shared by its respondents, so that its value is their mean
shared as (

    select
        answers_in_units.*,
        {{ exact('answers_in_units.weight / nullif(answers_of_units.n_substantive, 0)') }} as weight_substantive,
        {{ exact('answers_in_units.weight / answers_of_units.n_answered') }} as weight_answered
    from answers_in_units
    inner join answers_of_units
        on
            answers_in_units.estimand_key = answers_of_units.estimand_key
            and answers_in_units.psu_key = answers_of_units.psu_key

),

goal_scores as (

    select
        goal_scores.estimand_key,
        members.psu_key,
        members.set_key,
        goal_scores.score,
        count(*) as n_respondents,
        {{ exact_sum('members.unit_weight', digits=18) }} as weight
    from {{ ref('int_answers__goal_scores') }} as goal_scores
    inner join members
        on goal_scores.respondent_key = members.respondent_key and members.unit_of_count = 'respondent'
    group by goal_scores.estimand_key, members.psu_key, members.set_key, goal_scores.score

),

final as (

    select
        estimand_key,
        psu_key,
        set_key,
        answer_value,
        score,
        is_endorsed,
        is_dont_know,
        n_respondents,
        weight as weight_substantive,
        weight as weight_answered
    from answers_of_respondents
    union all
    select
        estimand_key,
        psu_key,
        set_key,
        answer_value,
        score,
        is_endorsed,
        is_dont_know,
        n_respondents,
        weight_substantive,
        weight_answered
    from shared
    union all
    select
        estimand_key,
        psu_key,
        set_key,
        cast(null as {{ dbt.type_string() }}) as answer_value,
        score,
        false as is_endorsed,
        false as is_dont_know,
        n_respondents,
        weight as weight_substantive,
        weight as weight_answered
    from goal_scores

)

select * from final

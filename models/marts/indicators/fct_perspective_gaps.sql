with differences as (

    select
        one.wave_id,
        one.indicator_code,
        one.respondent_group as group_a,
        other.respondent_group as group_b,
        differences.breakdown,
        differences.breakdown_value,
        differences.difference as gap,
        differences.standard_error,
        differences.degrees_of_freedom,
        differences.least_respondents,
        differences.rounding_step,
        one.is_headline,
        one.design = 'nonprobability' or other.design = 'nonprobability' as is_nonprobability
    from {{ ref('int_estimation__differences') }} as differences
    inner join {{ ref('int_estimation__estimands') }} as one on differences.estimand_a = one.estimand_key
    inner join {{ ref('int_estimation__estimands') }} as other on differences.estimand_b = other.estimand_key
    where differences.kind = 'groups' and differences.measure = one.headline_measure

),

tested as (

    select
        differences.*,
        {{ t_quantile('differences.degrees_of_freedom', 't_quantiles.t_975') }} as t_df,
        case
            when
                differences.degrees_of_freedom >= 8
                and not differences.is_nonprobability
                and differences.standard_error > 0
                then {{ student_t_p_value(
                    'differences.gap / differences.standard_error', 'differences.degrees_of_freedom'
                ) }}
        end as p_value
    from differences
    left join {{ ref('t_quantiles') }} as t_quantiles
        on differences.degrees_of_freedom = t_quantiles.degrees_of_freedom

),

{{ benjamini_hochberg(
    'tested',
    family='wave_id, group_a, group_b, breakdown',
    is_member='is_headline',
    tie='indicator_code, breakdown_value'
) }},

final as (

    select
        wave_id,
        indicator_code,
        group_a,
        group_b,
        breakdown,
        breakdown_value,
        gap,
        standard_error,
        gap - t_df * standard_error as ci_lower,
        gap + t_df * standard_error as ci_upper,
        p_value,
        p_value_adjusted,
        p_value_adjusted < 0.05e0 as is_significant,
        least_respondents,
        rounding_step
    from adjusted

)

select * from final

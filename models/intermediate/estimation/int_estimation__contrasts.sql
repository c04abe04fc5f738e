-- pairs of questions whose estimates are compared: two waves of one group, or two groups in one wave
with estimands as (

    select * from {{ ref('int_estimation__estimands') }}
    where kind = 'indicator'

),

waves_apart as (

    select
        later.estimand_key as estimand_a,
        earlier.estimand_key as estimand_b,
        'waves' as kind
    from estimands as later
    inner join estimands as earlier
        on
            later.indicator_code = earlier.indicator_code
            and later.respondent_group = earlier.respondent_group
            and later.unit_of_count = earlier.unit_of_count
            and later.measurement_number > earlier.measurement_number
    -- the previous wave and wave 1, and the third of three that are pooled
    where later.measurement_number - earlier.measurement_number <= 2 or earlier.measurement_number = 1

),

groups_apart as (

    select
        one.estimand_key as estimand_a,
        other.estimand_key as estimand_b,
        'groups' as kind
    from estimands as one
    inner join estimands as other
        on
            one.indicator_code = other.indicator_code
            and one.wave_id = other.wave_id
            and one.scale = other.scale
            and one.respondent_group < other.respondent_group

),

unioned as (

    select * from waves_apart
    union all
    select * from groups_apart

),

final as (

    select
        cast(row_number() over (order by unioned.estimand_a, unioned.estimand_b) as int) as contrast_key,
        unioned.estimand_a,
        unioned.estimand_b,
        unioned.kind,
        -- the same school, municipality or samenwerkingsverband can be in both samples
        one.has_lasting_psus and other.has_lasting_psus and one.psu_attribute = other.psu_attribute as is_matched,
        one.is_near_census or other.is_near_census as is_near_census
    from unioned
    inner join estimands as one on unioned.estimand_a = one.estimand_key
    inner join estimands as other on unioned.estimand_b = other.estimand_key

)

select * from final

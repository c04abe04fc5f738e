{#
    In most PSUs every respondent has the same sector, region and samenwerkingsverband: then one sum
    over the PSU serves all these breakdowns. A set is a list of breakdown values that share their
    sums: those that hold for the whole PSU together, and each one that cuts across it alone.
#}
with respondents as (

    select
        respondent_key,
        wave_id,
        respondent_group,
        psu_id
    from {{ ref('int_respondents__weighted') }}

),

psus as (

    select
        wave_id,
        respondent_group,
        psu_id,
        count(*) as respondent_count
    from respondents
    group by wave_id, respondent_group, psu_id

),

psu_domains as (

    select
        respondents.wave_id,
        respondents.respondent_group,
        respondents.psu_id,
        breakdowns.domain_key,
        count(*) as respondent_count
    from respondents
    inner join {{ ref('int_respondents__breakdowns') }} as breakdowns
        on respondents.respondent_key = breakdowns.respondent_key
    group by respondents.wave_id, respondents.respondent_group, respondents.psu_id, breakdowns.domain_key

),

judged as (

    select
        psu_domains.*,
        psu_domains.respondent_count = psus.respondent_count as is_whole
    from psu_domains
    inner join psus
        on
            psu_domains.wave_id = psus.wave_id
            and psu_domains.respondent_group = psus.respondent_group
            and psu_domains.psu_id = psus.psu_id

),

whole as (

    select
        wave_id,
        respondent_group,
        psu_id,
        {{ ordered_string_agg('cast(domain_key as ' ~ dbt.type_string() ~ ')') }} as domain_set
    from judged
    where is_whole
    group by wave_id, respondent_group, psu_id

),

-- total holds for everybody, so that every respondent is in the set of its PSU
members as (

    select
        respondents.respondent_key,
        whole.domain_set
    from respondents
    inner join whole
        on
            respondents.wave_id = whole.wave_id
            and respondents.respondent_group = whole.respondent_group
            and respondents.psu_id = whole.psu_id
    union all
    select
        respondents.respondent_key,
        cast(judged.domain_key as {{ dbt.type_string() }}) as domain_set
    from respondents
    inner join {{ ref('int_respondents__breakdowns') }} as breakdowns
        on respondents.respondent_key = breakdowns.respondent_key
    inner join judged
        on
            respondents.wave_id = judged.wave_id
            and respondents.respondent_group = judged.respondent_group
            and respondents.psu_id = judged.psu_id
            and breakdowns.domain_key = judged.domain_key
    where not judged.is_whole

),

final as (

    select
        respondent_key,
        cast(dense_rank() over (order by domain_set) as int) as set_key,
        domain_set
    from members

)

select * from final

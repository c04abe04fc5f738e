-- which breakdown values a set stands for
with sets as (

    select distinct
        set_key,
        domain_set
    from {{ ref('int_respondents__domain_sets') }}

),

domains as (

    select distinct
        domain_key,
        breakdown,
        breakdown_value
    from {{ ref('int_respondents__breakdowns') }}

),

final as (

    select
        sets.set_key,
        domains.domain_key,
        domains.breakdown,
        domains.breakdown_value
    from sets
    inner join domains
        on {{ contains_code('sets.domain_set', 'cast(domains.domain_key as ' ~ dbt.type_string() ~ ')') }}

)

select * from final

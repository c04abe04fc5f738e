-- What: raked weights give each margin its share of the population, to 1e-9.
-- When it matters: forty iterations may not suffice, or margins may contradict each other.
-- How to resolve: compare the margins in population_margins.csv; a value that nobody has is passed over.
{{ config(meta={'dagster': {'ref': {'name': 'population_margins'}}}) }}

with weighted as (

    select
        wave_id,
        respondent_group,
        sector,
        landsdeel,
        region,
        respondent_count * raked_weight as total
    from {{ ref('int_respondents__raked') }}

),

fitted as (
    {% for margin in ['sector', 'landsdeel', 'region'] %}
        select
            wave_id,
            respondent_group,
            '{{ margin }}' as margin,
            {{ margin }} as margin_value,
            sum(total) / sum(sum(total)) over (partition by wave_id, respondent_group) as share
        from weighted
        group by wave_id, respondent_group, {{ margin }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

compared as (

    select
        fitted.*,
        margins.population_units * 1e0 / sum(margins.population_units) over (
            partition by fitted.wave_id, fitted.respondent_group, fitted.margin
        ) as population_share
    from fitted
    inner join {{ ref('population_margins') }} as margins
        on
            fitted.wave_id = margins.wave_id
            and fitted.respondent_group = margins.respondent_group
            and fitted.margin = margins.margin
            and fitted.margin_value = margins.margin_value

)

select * from compared
where abs(share - population_share) > 1e-9

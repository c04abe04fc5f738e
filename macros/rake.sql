{#
    CTEs that fit a table of cells to the margins of its population (iterative proportional fitting,
    Deming and Stephan 1940); the last one is `raked`, with the fitted total of each cell in
    `raked_total`.

    SQL has no loop that each engine knows, so the iterations stand written out: of the cells, which
    are few, not of the respondents. A margin without population for the wave and group is passed
    over, and so is a value of a margin that nobody has: targets are shares of what was observed.

    Arguments:
        cells: CTE with wave_id, respondent_group, one column per margin, and respondent_count.
        margins: names of the columns, as in seeds/codebook/population_margins.
        iterations: rounds over all margins.
#}
{% macro rake(cells, margins, iterations) -%}
{%- for margin in margins %}
observed_{{ margin }} as (

    select distinct
        wave_id,
        respondent_group,
        {{ margin }}
    from {{ cells }}

),

target_{{ margin }} as (

    select
        population_margins.wave_id,
        population_margins.respondent_group,
        population_margins.margin_value,
        population_margins.population_units * 1e0 / sum(population_margins.population_units) over (
            partition by population_margins.wave_id, population_margins.respondent_group
        ) as share
    from {{ ref('population_margins') }} as population_margins
    inner join observed_{{ margin }} as observed
        on
            population_margins.wave_id = observed.wave_id
            and population_margins.respondent_group = observed.respondent_group
            and population_margins.margin_value = observed.{{ margin }}
    where population_margins.margin = '{{ margin }}'

),
{% endfor %}
raked_0_{{ margins | last }} as (

    select
        cells.wave_id,
        cells.respondent_group,
        {%- for margin in margins %}
        cells.{{ margin }},
        target_{{ margin }}.share as share_{{ margin }},
        {%- endfor %}
        cells.respondent_count,
        cells.respondent_count * 1e0
        / sum(cells.respondent_count) over (partition by cells.wave_id, cells.respondent_group) as raked_total
    from {{ cells }} as cells
    {%- for margin in margins %}
    left join target_{{ margin }}
        on
            cells.wave_id = target_{{ margin }}.wave_id
            and cells.respondent_group = target_{{ margin }}.respondent_group
            and cells.{{ margin }} = target_{{ margin }}.margin_value
    {%- endfor %}

),
{% set previous = namespace(step='raked_0_' ~ margins | last) -%}
{%- for iteration in range(1, iterations + 1) -%}
{%- for margin in margins %}
raked_{{ iteration }}_{{ margin }} as {{ materialized() }}(

    select
        wave_id,
        respondent_group,
        {%- for column in margins %}
        {{ column }},
        share_{{ column }},
        {%- endfor %}
        respondent_count,
        coalesce(
            share_{{ margin }} * raked_total / (
                {{ exact_window_sum('raked_total', 'wave_id, respondent_group, ' ~ margin) }}
            ), raked_total
        ) as raked_total
    from {{ previous.step }}

),
{% set previous.step = 'raked_' ~ iteration ~ '_' ~ margin -%}
{%- endfor -%}
{%- endfor %}
raked as (

    select * from {{ previous.step }}

)
{%- endmacro %}

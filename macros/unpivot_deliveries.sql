{#
    One row per delivered row and variable of a raw table, of accepted deliveries only.

    The wide table holds the columns of all waves; the codebook says which of them belong to the
    delivery's wave. An empty cell keeps its row (`include nulls`): a question that was asked and
    not answered is something else than a question that was not asked.
#}
{% macro unpivot_deliveries(respondent_group) -%}
{%- set relation = source('raw', respondent_group) -%}
{%- set columns = delivered_columns(relation) -%}
with deliveries as (

    select delivery_id, wave_id
    from {{ ref('stg_survey__deliveries') }}
    where status = 'accepted' and respondent_group = '{{ respondent_group }}'

),

delivered_rows as (

    select raw_rows.*, deliveries.wave_id
    from {{ relation }} as raw_rows
    inner join deliveries on raw_rows.delivery_id = deliveries.delivery_id

),

unpivoted as (

    select delivery_id, row_number, wave_id, variable, value
    from delivered_rows
    unpivot include nulls (value for variable in ({{ columns | join(', ') }}))

),

variables as (

    select
        wave_id,
        respondent_group,
        variable
    from {{ ref('variables') }}
    where respondent_group = '{{ respondent_group }}' and role in ('identifier', 'item', 'breakdown', 'paradata')

),

final as (

    select
        md5(unpivoted.delivery_id || '|' || cast(unpivoted.row_number as {{ dbt.type_string() }})) as respondent_key,
        unpivoted.delivery_id,
        unpivoted.wave_id,
        variables.respondent_group,
        unpivoted.variable,
        nullif(trim(unpivoted.value), '') as value,
        unpivoted.row_number
    from unpivoted
    inner join variables
        on unpivoted.wave_id = variables.wave_id and unpivoted.variable = variables.variable

)

select * from final
{%- endmacro %}

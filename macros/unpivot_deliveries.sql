{#
    One row per delivered row and variable of a raw table, of accepted deliveries only, with the
    corrections that are in effect.

    The wide table holds the columns of all waves; the codebook says which of them belong to the
    delivery's wave. An empty cell keeps its row (`include nulls`): a question that was asked and
    not answered is something else than a question that was not asked.
#}
{% macro unpivot_deliveries(respondent_group) -%}
{%- set relation = source('raw', respondent_group) -%}
{%- set columns = delivered_columns(relation) -%}
with deliveries as (

    select
        delivery_id,
        delivery_number,
        wave_id
    from {{ ref('stg_survey__deliveries') }}
    where status = 'accepted' and respondent_group = '{{ respondent_group }}'

),

delivered_rows as (

    select
        raw_rows.*,
        deliveries.delivery_number,
        deliveries.wave_id
    from {{ relation }} as raw_rows
    inner join deliveries on raw_rows.delivery_id = deliveries.delivery_id

),

unpivoted as (

    select
        delivery_number,
        row_number,
        wave_id,
        variable,
        value
    from delivered_rows
    unpivot include nulls (value for variable in ({{ columns | join(', ') }}))

),

corrections as (

    select
        delivery_number,
        row_number,
        variable,
        new_value
    from {{ ref('stg_survey__corrections') }}
    where is_in_effect and respondent_group = '{{ respondent_group }}'

),

variables as (

    select * from {{ ref('stg_codebook__variables') }}
    where respondent_group = '{{ respondent_group }}'

),

final as (

    select
        unpivoted.delivery_number * 1000000000 + unpivoted.row_number as respondent_key,
        unpivoted.delivery_number,
        unpivoted.row_number,
        unpivoted.wave_id,
        variables.respondent_group,
        variables.variable_key,
        unpivoted.variable,
        case
            when corrections.variable is not null then corrections.new_value
            else nullif(trim(unpivoted.value), '')
        end as value
    from unpivoted
    inner join variables
        on unpivoted.wave_id = variables.wave_id and unpivoted.variable = variables.variable
    left join corrections
        on
            unpivoted.delivery_number = corrections.delivery_number
            and unpivoted.row_number = corrections.row_number
            and unpivoted.variable = corrections.variable

)

select * from final
{%- endmacro %}

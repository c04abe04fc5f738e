{# The code of a samenwerkingsverband as the legal division writes it: `po 27.02`, `SWV-PO-2702` and `2702PO` become
   `PO2702`. What is no such code stays as it is, in capitals: it is unknown, and is listed so. #}
{% macro clean_swv_code(expression) -%}
    {%- set code = "upper(trim(" ~ expression ~ "))" -%}
    {%- set sector_first = "'^(SWV)?[^0-9A-Z]*(PO|VO)[^0-9A-Z]*([0-9][0-9])[^0-9A-Z]*([0-9][0-9])$'" -%}
    {%- set sector_last = "'^(SWV)?[^0-9A-Z]*([0-9][0-9])[^0-9A-Z]*([0-9][0-9])[^0-9A-Z]*(PO|VO)$'" -%}
    case
        when {{ code }} is null then null
        -- nearly all are written so, and the other patterns take four times as long
        when regexp_extract({{ code }}, '^(PO|VO)[0-9][0-9][0-9][0-9]$', 0) != '' then {{ code }}
        when regexp_extract({{ code }}, {{ sector_first }}, 2) != ''
            then
                regexp_extract({{ code }}, {{ sector_first }}, 2)
                || regexp_extract({{ code }}, {{ sector_first }}, 3)
                || regexp_extract({{ code }}, {{ sector_first }}, 4)
        when regexp_extract({{ code }}, {{ sector_last }}, 2) != ''
            then
                regexp_extract({{ code }}, {{ sector_last }}, 4)
                || regexp_extract({{ code }}, {{ sector_last }}, 2)
                || regexp_extract({{ code }}, {{ sector_last }}, 3)
        else {{ code }}
    end
{%- endmacro %}

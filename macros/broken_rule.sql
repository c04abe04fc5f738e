{#
    The rule of `value_rules` that a value breaks, in words; NULL when it breaks none, or is empty.
    All arguments are SQL. The raw gate fills in this same macro (expectations/macros.py), so that what
    it counts is what decoding makes `invalid`.
#}
{% macro broken_rule(rule, clean_value, is_known_swv, pattern, moment, earliest, latest, margin_days) -%}
    case
        when {{ clean_value }} is null then null
        when {{ rule }} = 'samenwerkingsverband' and not {{ is_known_swv }} then 'no samenwerkingsverband'
        when {{ rule }} = 'pattern' and regexp_extract({{ clean_value }}, '^' || {{ pattern }} || '$', 0) = ''
            then 'not of the form ' || {{ pattern }}
        when {{ rule }} = 'number' and {{ delivered_number(clean_value) }} is null then 'no number'
        when {{ rule }} = 'moment' and {{ moment }} is null then 'no moment'
        when {{ rule }} = 'moment' and ({{ moment }} < {{ earliest }} or {{ moment }} >= {{ latest }})
            then 'more than ' || {{ margin_days }} || ' days before or after the fieldwork'
    end
{%- endmacro %}

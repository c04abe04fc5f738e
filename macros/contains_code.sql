{# Whether a `|`-separated list, as the codebook writes it, contains a code. #}
{% macro contains_code(codes, code) -%}
    ('|' || coalesce({{ codes }}, '') || '|' like '%|' || {{ code }} || '|%')
{%- endmacro %}

{# A published model shares its table's name with the mart behind it: `published__dim_waves` becomes `dim_waves`. #}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- if custom_alias_name -%}
        {{ custom_alias_name | trim }}
    {%- else -%}
        {{ node.name.removeprefix('published__') }}
    {%- endif -%}
{%- endmacro %}

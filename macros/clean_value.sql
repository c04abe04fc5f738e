{# A delivered value in the spelling in which it is compared: codes of samenwerkingsverbanden and schools in one. #}
{% macro clean_value(attribute, value) -%}
    case
        when {{ attribute }} = 'swv' then {{ clean_swv_code(value) }}
        when {{ attribute }} = 'school_code' then {{ clean_code(value) }}
        else {{ value }}
    end
{%- endmacro %}

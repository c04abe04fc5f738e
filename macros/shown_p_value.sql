{#
    A p-value as it is published: two decimals, at least 0.01 (readers see < 0.01), and below 0.05
    only where it is: 0.047 becomes 0.04.
#}
{% macro shown_p_value(p) -%}
case
    when {{ p }} < 0.05e0 then least(greatest({{ on_step(p, '0.01e0') }}, 0.01e0), 0.04e0)
    else {{ on_step(p, '0.01e0') }}
end
{%- endmacro %}

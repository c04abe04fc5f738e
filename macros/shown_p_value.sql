{#
    A p-value as it is published: two decimals, on its side of 0.05 and of 0.01, which stands for all
    below it (readers see < 0.01). So 0.047 becomes 0.04, 0.012 becomes 0.02 and 0.0004 becomes 0.01.
#}
{% macro shown_p_value(p) -%}
case
    when {{ p }} < 0.01e0 then 0.01e0
    when {{ p }} < 0.05e0 then least(greatest({{ on_step(p, '0.01e0') }}, 0.02e0), 0.04e0)
    else {{ on_step(p, '0.01e0') }}
end
{%- endmacro %}

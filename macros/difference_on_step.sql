{#
    A difference on its step, and the limits of its interval: nearest, but never at zero or beyond it
    where the difference is significant, for it would then contradict its own flag.

    Arguments:
        column: the difference or one of its limits.
        difference: the difference, with all digits.
        is_significant: condition under which it is.
        step: the spacing.
#}
{% macro difference_on_step(column, difference, is_significant, step='rounding_step') -%}
{%- set nearest = on_step(column, step) -%}
case
    when {{ is_significant }} and {{ difference }} > 0 and {{ column }} > 0 then greatest({{ nearest }}, {{ step }})
    when {{ is_significant }} and {{ difference }} < 0 and {{ column }} < 0 then least({{ nearest }}, -{{ step }})
    else {{ nearest }}
end
{%- endmacro %}

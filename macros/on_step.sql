{#
    Numbers on a lattice: origin + k * step, the spacing on which a figure is published.

    A number is first rounded to 1e-9, so that engines and threads, which differ in the last digits,
    agree on which side of a half it lies; then half up. The result is rounded once more, so that it
    is the double nearest to its decimals and is written as 0.374.

    Arguments:
        value: the number.
        step: the spacing.
        origin: a number on the lattice: the lowest score of a mean, 0 elsewhere.
#}
{% macro on_step(value, step, origin='0e0') -%}
    round({{ origin }} + floor({{ steps_from(value, step, origin) }} + 0.5e0) * {{ step }}, 9)
{%- endmacro %}

{# The number on the lattice at or below a value. #}
{% macro below_on_step(value, step, origin='0e0') -%}
    round({{ origin }} + floor({{ steps_from(value, step, origin) }}) * {{ step }}, 9)
{%- endmacro %}

{# The number on the lattice at or above a value. #}
{% macro above_on_step(value, step, origin='0e0') -%}
    round({{ origin }} + ceil({{ steps_from(value, step, origin) }}) * {{ step }}, 9)
{%- endmacro %}

{# How many steps a value lies from the origin; the quotient of two decimals has noise of its own. #}
{% macro steps_from(value, step, origin) -%}
    round(round({{ value }} - {{ origin }}, 9) / {{ step }}, 6)
{%- endmacro %}

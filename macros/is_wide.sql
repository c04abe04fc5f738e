{#
    Whether an interval is too wide to rely on, by the standard of the NCHS (Vital and Health
    Statistics 2, 175, 2017): wider than 0.30 of the range, or, of a share, wider than 0.05 and than
    130 % of the share. The width is rounded, for that of published limits carries noise of 1e-17.

    Arguments:
        lower, upper: limits of the interval.
        estimate: the figure.
        is_share: condition under which the figure is a share.
        value_range: 1 for a share, the range of the scale for a mean.
#}
{% macro is_wide(lower, upper, estimate, is_share, value_range) -%}
{%- set width -%}round({{ upper }} - {{ lower }}, 12){%- endset -%}
(
    {{ width }} > 0.30e0 * {{ value_range }}
    or ({{ is_share }} and {{ width }} > 0.05e0 and {{ width }} > 1.30e0 * {{ estimate }})
)
{%- endmacro %}

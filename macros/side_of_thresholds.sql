{#
    Aggregate: the step that keeps a figure on its side of all thresholds, counted from the nearest
    one: -1, 0 or 1. Thresholds lie further apart than a step, so that no two disagree.

    Arguments:
        figure, step, origin: as of `on_step`; a relation `thresholds` has threshold and belongs_above.
#}
{% macro side_of_thresholds(figure, step, origin='0e0') -%}
{%- set shown = on_step(figure, step, origin) -%}
max(case
    when thresholds.belongs_above and {{ figure }} >= thresholds.threshold and {{ shown }} < thresholds.threshold then 1
    when not thresholds.belongs_above and {{ figure }} > thresholds.threshold and {{ shown }} <= thresholds.threshold then 1
    else 0
end)
+ min(case
    when thresholds.belongs_above and {{ figure }} < thresholds.threshold and {{ shown }} >= thresholds.threshold then -1
    when not thresholds.belongs_above and {{ figure }} <= thresholds.threshold and {{ shown }} > thresholds.threshold then -1
    else 0
end)
{%- endmacro %}

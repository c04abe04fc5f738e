{#
    What a change is called, from comparability, change, p_value_adjusted and better (higher_better or
    lower_better). NULL where nothing was tested.
#}
{% macro direction_of_change() -%}
case
    when comparability not in ('comparable', 'low_df') then 'not_comparable'
    when p_value_adjusted < 0.05e0 and (better = 'higher_better') = (change > 0) then 'improved'
    when p_value_adjusted < 0.05e0 then 'worsened'
    when p_value_adjusted is not null then 'no_demonstrable_change'
end
{%- endmacro %}

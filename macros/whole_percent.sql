{#
    A text that begins with a percentage, such as `4.7% in raw.leraar.q4`, with whole percents: with a
    decimal, a percentage of a few hundred rows tells how many they are. Other texts stay as they are.
#}
{% macro whole_percent(observed) -%}
{%- set number -%}try_cast(split_part({{ observed }}, '%', 1) as double){%- endset -%}
case
    when {{ number }} is null then {{ observed }}
    when {{ number }} > 0 and {{ number }} < 0.5 then '<1' || substr({{ observed }}, length(split_part({{ observed }}, '%', 1)) + 1)
    else cast(cast(floor({{ number }} + 0.5) as bigint) as {{ dbt.type_string() }})
        || substr({{ observed }}, length(split_part({{ observed }}, '%', 1)) + 1)
end
{%- endmacro %}

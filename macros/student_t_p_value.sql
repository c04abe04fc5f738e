{#
    Two-sided p-value of t with df degrees of freedom: Hill's normalising transform (1970, CACM
    algorithm 395) and a rational approximation of erfc (Press et al. 1992, 6.2). Within 6e-8 of the
    distribution for df >= 8; not to be used below.
#}
{% macro student_t_p_value(t, df) -%}
{%- set a -%}({{ df }} - 0.5e0){%- endset -%}
{%- set b -%}(48e0 * {{ a }} * {{ a }}){%- endset -%}
{%- set z -%}sqrt({{ a }} * ln(1e0 + ({{ t }}) * ({{ t }}) / {{ df }})){%- endset -%}
{%- set x -%}
    ({{ z }} + (power({{ z }}, 3) + 3e0 * {{ z }}) / {{ b }}
    - (4e0 * power({{ z }}, 7) + 33e0 * power({{ z }}, 5) + 240e0 * power({{ z }}, 3) + 855e0 * {{ z }})
    / (10e0 * {{ b }} * ({{ b }} + 0.8e0 * power({{ z }}, 4) + 100e0))) / sqrt(2e0)
{%- endset -%}
{#- the approximation of 1 is a little more than 1; `least` alone would make 1 of nothing -#}
case when ({{ t }}) is not null and ({{ df }}) is not null then least(1e0, {{ erfc(x) }}) end
{%- endmacro %}

{#
    Complementary error function for x >= 0, with a relative error below 1.2e-7 everywhere
    (Chebyshev fit of Press et al., Numerical Recipes, 1992, 6.2); no engine has the same one built in.
#}
{% macro erfc(x) -%}
{%- set t -%}(1e0 / (1e0 + 0.5e0 * ({{ x }}))){%- endset -%}
{%- set coefficients = [
    '-1.26551223e0', '1.00002368e0', '0.37409196e0', '0.09678418e0', '-0.18628806e0', '0.27886807e0',
    '-1.13520398e0', '1.48851587e0', '-0.82215223e0', '0.17087277e0',
] -%}
{#- term by term: nested as Horner has it, linters give up on the depth -#}
{%- set terms = [coefficients[0]] -%}
{%- for coefficient in coefficients[1:] -%}
{%- do terms.append(coefficient ~ ' * power(' ~ t ~ ', ' ~ loop.index ~ ')') -%}
{%- endfor -%}
({{ t }} * exp(-({{ x }}) * ({{ x }}) + {{ terms | join(' + ') }}))
{%- endmacro %}

{#
    What a stratum adds to a variance, or to the covariance of a part with its whole, from sums over
    its PSUs: (1 - f) n / (n - 1) (Σ z z' - Σ z Σ z' / n).

    Nothing where all PSUs were observed. A stratum with one PSU in the sample counts by its distance
    to the mean of all, where z sums to 0 (R: lonely.psu = "adjust").

    Arguments:
        products: Σ z z' over the PSUs; sum_a, sum_b: Σ z and Σ z'.
        n, f: PSUs in the design, and their share of the population.
#}
{% macro variance_within_stratum(products, sum_a, sum_b, n='n_h', f='f') -%}
case
    when {{ f }} >= 1 - 1e-7 then 0e0
    when {{ n }} > 1 then (1e0 - {{ f }}) * {{ n }} / ({{ n }} - 1e0) * ({{ products }} - {{ sum_a }} * {{ sum_b }} / {{ n }})
    else (1e0 - {{ f }}) * {{ products }}
end
{%- endmacro %}

{#
    Covariance of two estimates within one stratum, from the rows of int_estimation__overlaps and the
    designs of both samples:

        (n_both - n_a * n_b / N) * s_ab,  s_ab the sample covariance of z over the units in both,

    z = (wy - mean * w) / total weight. Zero with fewer than two units in both; an unknown population
    is taken as without end.

    Arguments: the estimates to linearise around and the total weights of either side.
#}
{% macro covariance_of_totals(mean_a, weight_a, mean_b, weight_b) -%}
    case
        when shared.n_both < 2 then 0e0
        else (
            shared.n_both - coalesce(
                designs_a.n_psu * 1e0 * designs_b.n_psu
                / least(designs_a.population_psus, designs_b.population_psus), 0e0
            )
        ) / (shared.n_both - 1e0) / ({{ weight_a }} * {{ weight_b }}) * (
            shared.wy_a_wy_b
            - {{ mean_b }} * shared.wy_a_w_b
            - {{ mean_a }} * shared.w_a_wy_b
            + {{ mean_a }} * {{ mean_b }} * shared.w_a_w_b
            - (shared.wy_a - {{ mean_a }} * shared.w_a)
            * (shared.wy_b - {{ mean_b }} * shared.w_b)
            / shared.n_both
        )
    end
{%- endmacro %}

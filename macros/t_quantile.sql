{#
    A quantile of Student's t: from seeds/reference/t_quantiles up to 2000 degrees of freedom, beyond
    that the first terms of its expansion in 1/df around the normal quantile (Fisher and Cornish
    1960), within 1e-12 there. NULL without degrees of freedom.

    Arguments:
        df: degrees of freedom.
        tabulated: the quantile that a left join with the seed found.
        z: the normal quantile; that of .975 if none is given.
#}
{% macro t_quantile(df, tabulated, z='1.959963984540054e0') -%}
    coalesce(
        {{ tabulated }},
        case
            when {{ df }} > 2000
                then {{ z }}
                + ({{ z }} * {{ z }} * {{ z }} + {{ z }}) / (4e0 * {{ df }})
                + (5e0 * power({{ z }}, 5) + 16e0 * power({{ z }}, 3) + 3e0 * {{ z }}) / (96e0 * {{ df }} * {{ df }})
        end
    )
{%- endmacro %}

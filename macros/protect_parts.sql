{#
    CTEs that withhold more cells until none that is withheld for its own sake can be found from the
    others (secondary suppression; Hundepool et al. 2012, 4); the last one is `<cells>_protected`.

    The parts of a whole add up to it, so that the withheld parts have a known sum, and each lies in
    an interval that the sum and the sizes leave. Where that is too narrow for a part that is withheld
    for its own sake, the next smallest part is withheld too, and where no part is left, the whole. As
    one part can belong to several wholes, this is repeated. What is still open after the passes loses
    all its parts and the whole: withholding more only widens intervals. Sizes are taken as known
    exactly, which is more than is published.

    Arguments:
        cells: CTE with block_key, domain_key, measure, n_respondents, total_weight, place (the figure
            on a scale of 0 to 1), own_reason, reason and is_given (cannot be withheld). A CTE
            `relations` with whole_key, part_key and breakdown says what adds up to what.
        passes: how often the next smallest part is added.
        margin, swv_margin: narrowest interval allowed, wider among samenwerkingsverbanden, which
            stand in more relations (total, sector, province, pooled waves) that narrow it together.
#}
{% macro protect_parts(cells, passes, margin, swv_margin) -%}
{{ cells }}_0 as {{ materialized() }}(

    select * from {{ cells }}

),
{% for pass in range(1, passes + 2) %}
-- in two steps, or an engine may join all cells of a block with each other first
{{ cells }}_sides_{{ pass }} as {{ materialized() }}(

    select
        cells.block_key,
        cells.domain_key,
        relations.whole_key,
        relations.breakdown,
        cells.measure,
        cells.n_respondents,
        cells.total_weight,
        cells.place,
        cells.own_reason,
        cells.reason
    from {{ cells }}_{{ pass - 1 }} as cells
    inner join relations on cells.domain_key = relations.part_key
    where cells.total_weight > 0

),

{{ cells }}_parts_{{ pass }} as {{ materialized() }}(

    select sides.*
    from {{ cells }}_sides_{{ pass }} as sides
    inner join {{ cells }}_{{ pass - 1 }} as wholes
        on
            sides.block_key = wholes.block_key
            and sides.whole_key = wholes.domain_key
            and sides.measure = wholes.measure
    where wholes.reason is null

),

{{ cells }}_hidden_{{ pass }} as (

    select
        block_key,
        whole_key,
        breakdown,
        measure,
        {{ exact_sum('total_weight') }} as hidden_weight,
        {{ exact_sum('total_weight * place') }} as hidden_sum,
        sum(n_respondents) as hidden_respondents,
        sum(case when reason = 'small_n' then 1 else 0 end) as hidden_small,
        sum(case when reason <> 'small_n' then 1 else 0 end) as hidden_large
    from {{ cells }}_parts_{{ pass }}
    where reason is not null
    group by block_key, whole_key, breakdown, measure
    having count(own_reason) > 0

),

{{ cells }}_open_{{ pass }} as {{ materialized() }}(

    select
        parts.block_key,
        parts.whole_key,
        parts.breakdown,
        parts.measure
    from {{ cells }}_parts_{{ pass }} as parts
    inner join {{ cells }}_hidden_{{ pass }} as hidden
        on
            parts.block_key = hidden.block_key
            and parts.whole_key = hidden.whole_key
            and parts.breakdown = hidden.breakdown
            and parts.measure = hidden.measure
    where
        parts.own_reason is not null
        and (
            least(1e0, hidden.hidden_sum / parts.total_weight)
            - greatest(0e0, 1e0 - (hidden.hidden_weight - hidden.hidden_sum) / parts.total_weight)
            < case when parts.breakdown = 'swv' then {{ swv_margin }} else {{ margin }} end
            -- a small part has 0 to 9 respondents, any other at least 10
            or (
                parts.own_reason = 'small_n'
                and parts.measure in ('share_endorsed', 'mean')
                and least(
                    {{ suppression_threshold('min_respondents') }} - 1,
                    hidden.hidden_respondents - {{ suppression_threshold('min_respondents') }} * hidden.hidden_large
                ) - case
                    when hidden.hidden_large > 0 then 0
                    else greatest(
                        0,
                        hidden.hidden_respondents
                        - ({{ suppression_threshold('min_respondents') }} - 1) * (hidden.hidden_small - 1)
                    )
                end < 3
            )
            or (
                parts.own_reason <> 'small_n'
                and parts.measure in ('share_endorsed', 'mean')
                and hidden.hidden_respondents
                - {{ suppression_threshold('min_respondents') }} * hidden.hidden_large < 3
            )
        )
    group by parts.block_key, parts.whole_key, parts.breakdown, parts.measure

),

{{ cells }}_visible_{{ pass }} as (

    select
        parts.block_key,
        parts.whole_key,
        parts.breakdown,
        parts.domain_key,
        row_number() over (
            partition by parts.block_key, parts.whole_key, parts.breakdown, parts.measure
            order by parts.n_respondents, parts.domain_key
        ) as size_rank
    from {{ cells }}_parts_{{ pass }} as parts
    inner join {{ cells }}_open_{{ pass }} as open_relations
        on
            parts.block_key = open_relations.block_key
            and parts.whole_key = open_relations.whole_key
            and parts.breakdown = open_relations.breakdown
            and parts.measure = open_relations.measure
    where parts.reason is null

),

{{ cells }}_more_{{ pass }} as {{ materialized() }}(

    select
        block_key,
        whole_key,
        breakdown,
        domain_key
    from {{ cells }}_visible_{{ pass }}
    {{ 'where size_rank = 1' if pass <= passes }}

),

{{ cells }}_added_{{ pass }} as (

    select
        block_key,
        domain_key,
        0 as is_whole
    from {{ cells }}_more_{{ pass }}
    union distinct
    select
        open_relations.block_key,
        open_relations.whole_key as domain_key,
        1 as is_whole
    from {{ cells }}_open_{{ pass }} as open_relations
    left join {{ cells }}_more_{{ pass }} as more
        on
            open_relations.block_key = more.block_key
            and open_relations.whole_key = more.whole_key
            and open_relations.breakdown = more.breakdown
    where {{ 'more.block_key is null' if pass <= passes else 'true' }}

),
{% if pass <= passes %}
-- what is closed stays as it is: the next pass looks at blocks in which something was open
{{ cells }}_{{ pass }} as {{ materialized() }}(

    select
        cells.block_key,
        cells.domain_key,
        cells.measure,
        cells.n_respondents,
        cells.total_weight,
        cells.place,
        -- a whole that would tell its parts may itself not be found
        coalesce(
            cells.own_reason,
            case when added.is_whole = 1 and not cells.is_given then 'complementary' end
        ) as own_reason,
        coalesce(
            cells.reason,
            case when added.domain_key is not null and not cells.is_given then 'complementary' end
        ) as reason,
        cells.is_given
    from {{ cells }}_{{ pass - 1 }} as cells
    left join (
        select
            block_key,
            domain_key,
            max(is_whole) as is_whole
        from {{ cells }}_added_{{ pass }}
        group by block_key, domain_key
    ) as added
        on cells.block_key = added.block_key and cells.domain_key = added.domain_key
    where cells.block_key in (select open_blocks.block_key from {{ cells }}_open_{{ pass }} as open_blocks)

),
{% endif %}
{%- endfor %}
{{ cells }}_added as (
    {% for pass in range(1, passes + 2) %}
    select
        block_key,
        domain_key
    from {{ cells }}_added_{{ pass }}
    {{ 'union distinct' if not loop.last }}
    {%- endfor %}
),

{{ cells }}_protected as {{ materialized() }}(

    select
        cells.block_key,
        cells.domain_key,
        cells.measure,
        cells.total_weight,
        cells.place,
        coalesce(
            cells.reason,
            case when added.domain_key is not null and not cells.is_given then 'complementary' end
        ) as reason
    from {{ cells }}_0 as cells
    left join {{ cells }}_added as added
        on cells.block_key = added.block_key and cells.domain_key = added.domain_key

)
{%- endmacro %}

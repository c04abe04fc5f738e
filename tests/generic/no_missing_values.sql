{# None of the columns is empty in any row; one query for all of them. #}
{% test no_missing_values(model, columns) %}
select *
from {{ model }}
where {% for column in columns %}{{ column }} is null{% if not loop.last %} or {% endif %}{% endfor %}
{% endtest %}

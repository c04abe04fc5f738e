{#
    The sentence that a template of the codebook makes, with a capital at its start.

    The slot of the qualifier takes the space before it along, so that a claim that simply asserts
    (no words to fill in) leaves no hole. NULL when there is no template.
#}
{% macro render_sentence(template, qualifier, voice, subject) -%}
    {%- set sentence -%}
        replace(
            replace(
                replace({{ template }}, ' {qualifier}', coalesce(' ' || {{ qualifier }}, '')), '{voice}', {{ voice }}
            ), '{subject}', {{ subject }}
        )
    {%- endset -%}
    upper(substr({{ sentence }}, 1, 1)) || substr({{ sentence }}, 2)
{%- endmacro %}

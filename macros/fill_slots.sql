{# A template of the codebook with its slots filled: a dictionary of slot → SQL expression of text. #}
{% macro fill_slots(template, slots) -%}
    {%- set ns = namespace(sentence=template) -%}
    {%- for slot, text in slots.items() -%}
        {%- set ns.sentence = "replace(" ~ ns.sentence ~ ", '{" ~ slot ~ "}', " ~ text ~ ")" -%}
    {%- endfor -%}
    {{ ns.sentence }}
{%- endmacro %}

{# The day in the Netherlands; `MONITOR_NOW` puts tests in another month, as in orchestration/lib/duty.py. #}
{% macro today() -%}
    {%- set now = run_started_at.astimezone(modules.pytz.timezone('Europe/Amsterdam')).isoformat() -%}
    cast('{{ (env_var("MONITOR_NOW", "") or now)[:10] }}' as date)
{%- endmacro %}

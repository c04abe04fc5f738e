"""Macros of the models, rendered without dbt: the gate looks at values before dbt has run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

MACROS = Path(__file__).parents[1] / "macros"
FILES = ("clean_code", "clean_swv_code", "clean_value", "delivered_number", "parse_timestamp",
         "broken_rule")  # fmt: skip
ENGINE = "duckdb"


class _Adapter:
    """What dbt calls `adapter`, as far as the macros need it: it finds those of the engine."""

    def dispatch(self, name: str) -> Callable[..., str]:
        return lambda *arguments: render(f"{ENGINE}__{name}", *arguments)


@cache
def _module() -> Any:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    text = "\n".join((MACROS / f"{name}.sql").read_text(encoding="utf-8") for name in FILES)
    # dbt's `return` gives what a macro ends with; in text that is the text itself
    return environment.from_string(text).make_module({"adapter": _Adapter(), "return": str})


def render(name: str, *arguments: str) -> str:
    """The SQL of a macro.

    Args:
        name: one of the macros in `FILES`.
        arguments: SQL expressions.

    Raises:
        AttributeError: there is no such macro in those files.
    """
    return str(getattr(_module(), name)(*arguments)).strip()

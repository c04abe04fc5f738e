"""Values as text. The process that reads SPSS and Stata imports this, so it imports little."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa


def texts(values: Sequence[Any] | pa.Array) -> pa.StringArray:
    """Values as text, each distinct value worked out once."""
    try:
        array = values if isinstance(values, pa.Array) else pa.array(values)
        encoded = array.dictionary_encode()
        distinct = encoded.dictionary.to_pylist()
    # values of several kinds and numbers beyond 64 bits have no Arrow type, and Arrow has not
    # implemented dictionaries of lists and structures, which Parquet may hold
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        plain = values.to_pylist() if isinstance(values, pa.Array) else values
        return pa.array([text(value) for value in plain], pa.string())
    return pa.array([text(value) for value in distinct], pa.string()).take(encoded.indices)


def text(value: Any) -> str | None:
    """One value as text: shortest number, ISO 8601 date, None for what is empty."""
    match value:
        case None | "":
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if math.isnan(value):
            return None
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case Decimal():
            return f"{value.normalize():f}"
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(sep="T", timespec="seconds")
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return str(value)

"""What all readers share: how a file is to be read, how large it may be, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator

from orchestration.lib.landing.errors import DeliveryError

BATCH_ROWS = 10_000
MEGABYTE = 1_000_000

# the devices that Windows opens under these names, whatever the extension
_RESERVED = {"con", "prn", "aux", "nul"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in "123456789"
}


class ReadOptions(BaseModel):
    """How to read one file, as `delivery.yml` states it; what is left out is detected."""

    model_config = ConfigDict(extra="forbid")

    file: str | None = None
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    sheet: str | None = None
    header_rows: int = Field(default=1, ge=1, le=10)

    @field_validator("file")
    @classmethod
    def _in_the_folder(cls, name: str | None) -> str | None:
        if name is not None and (name in ("", ".", "..") or set(name) & set('/\\:*?"<>|')):
            raise ValueError("must be the plain name of a file in the folder of the wave")
        if name is not None and (not name.isprintable() or name != name.strip().rstrip(".")):
            raise ValueError("has a character that cannot be seen, or ends in a space or full stop")
        if name is not None and name.split(".")[0].lower() in _RESERVED:
            raise ValueError("is the name of a device in Windows; rename the file")
        return name

    @field_validator("delimiter")
    @classmethod
    def _between_values(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and delimiter in '"\r\n\0 ':
            raise ValueError("cannot separate values; use for instance ; or ,")
        return delimiter


@dataclass(frozen=True)
class Limits:
    """How large a delivery may be; beyond it, somebody should look first.

    `megabytes` holds for the file and for what a compressed file unpacks to, `cells` for the
    area of a worksheet, which is the only format that is read into memory as a whole.
    """

    megabytes: int = 4_000
    rows: int = 5_000_000
    columns: int = 5_000
    cells: int = 20_000_000

    def check(self, name: str, what: str, found: int, limit: str, remedy: str = "") -> None:
        """Refuse what is larger than the limit of this name (in its own unit).

        Raises:
            DeliveryError: it is larger; the message names the setting that raises the limit.
        """
        allowed = getattr(self, limit)
        if found > allowed:
            raise DeliveryError(
                f"{name}: {what} {found:,} {limit}, where {allowed:,} are allowed. Look whether "
                f"this is the right file; if so, {remedy}set MONITOR_MAX_DELIVERY_{limit.upper()} "
                "higher and refresh again."
            )


@dataclass
class DeliveredTable:
    """The columns of a file, its labels as delivered, and its rows as batches of text.

    `announced_rows` is the number of rows that the file says it has, where it says so.
    """

    columns: list[str]
    batches: Iterator[list[pa.StringArray]]
    labels: dict[str, Any] = field(default_factory=dict)
    announced_rows: int | None = None


# Whether a row of headers holds at least one column of the codebook.
Recognises = Callable[[Sequence[str]], bool]


def split_header(name: str, header: list[list[str]], wanted: int) -> tuple[list[str], Any]:
    """Column names are the last of the header rows, question texts the first of several."""
    if not header:
        raise DeliveryError(f"{name}: the file is empty. Deliver it with its header and rows.")
    if len(header) < wanted:
        raise DeliveryError(
            f"{name}: has {len(header)} rows, where delivery.yml announces {wanted} header "
            "rows. Correct `header_rows`, or deliver the file with its rows."
        )
    columns = header[-1]
    pairs = zip(columns, header[0], strict=False) if wanted > 1 else ()
    labels = {column: words for column, words in pairs if words}
    return columns, {"variables": labels} if labels else {}

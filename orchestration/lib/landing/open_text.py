"""Open answers: find what may tell who somebody is, and purge what must go.

Findings are hints. E-mail addresses, Dutch telephone numbers and citizen service numbers (BSN, by
the test of eleven) are found by their form; of eleven arbitrary numbers of nine digits one passes
for a BSN. Names are found after a form of address or a word of kinship or office (`mevrouw De
Vries`, `juf Anke`, `onze zoon Daan`), and where a common Dutch first name stands with a capital;
other names are missed, and a street or school that bears a name is taken for one.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lib.landing.discovery import file_sha256
from orchestration.lib.landing.trail import PURGED, Clock, note
from orchestration.lib.settings import Settings
from orchestration.lib.warehouse import connect, rewrite, transaction

logger = logging.getLogger("monitor")

SCHEMA = pa.schema(
    [
        pa.field("row_number", pa.int64()),
        pa.field("variable", pa.string()),
        pa.field("answer", pa.string()),
    ]
)
BATCH_ROWS = 10_000

# repetitions are bounded: an answer may be long, and the search must not be slow
EMAIL = re.compile(r"[\w.+-]{1,64} ?@ ?[\w-]{1,63}(?:\.[\w-]{1,63})+")
PHONE = re.compile(
    r"(?<![\d.])(?:(?:\+|00)31[ .-]?(?:\(0\)[ .-]?)?|\(?0)[1-9](?:[ ().-]{0,3}\d){8}(?!\d)"
)
BSN = re.compile(r"(?<![\d.,-])(?:\d{9}|\d{3}[ .]\d{3}[ .]\d{3}|\d{4}[ .]\d{2}[ .]\d{3})(?!\d)")
SHORT_BSN = re.compile(
    r"(?i)\b(?:bsn|sofi|burgerservice)\w*\W{0,3}(?:nummer\W{0,3})?(?:is )?(\d{8,9})(?!\d)"
)
PREFIXES = "van|de|den|der|ter|ten|te|het|'t|el|al|El|Van|De|Den|Der|Ter|Ten"
SURNAME = rf"(?:(?:{PREFIXES}) ){{0,4}}[A-ZÀ-Þ][a-zß-ÿ]+"
ADDRESSED = re.compile(
    r"\b(?i:de heer|dhr\.?|heer|meneer|mijnheer|mevrouw|mevr\.?|mw\.?|juf|juffrouw|meester|"
    r"familie|fam\.|drs\.|dr\.|ir\.|ing\.|mr\.|prof\.|mijn naam is|ik heet|genaamd|"
    r"(?:mijn|onze|ons|haar|zijn) (?:zoon|dochter|zoontje|dochtertje|kind|broer|zus)|"
    r"directeur|leerkracht|intern begeleider|ib'?er|mentor|docent|leerplichtambtenaar|schoolleider)"
    r",? " + SURNAME
)  # fmt: skip
# common first names that are no Dutch word and no month
FIRST_NAMES = (
    "Aisha|Ali|Anke|Anna|Anouk|Arjan|Bart|Daan|Dennis|Diana|Els|Emma|Erik|Esther|Eva|Fatima|Femke|"
    "Finn|Frank|Hanneke|Hans|Henk|Ingrid|Jaap|Jan|Jasper|Jayden|Jeroen|Jesse|Johan|Julia|Karin|Kees|"
    "Kevin|Lars|Lieke|Linda|Lotte|Lucas|Maarten|Marieke|Marjan|Marloes|Martijn|Mehmet|Michel|Mila|"
    "Milan|Mohamed|Mohammed|Monique|Nienke|Noah|Noor|Petra|Piet|Pieter|Rachid|Rianne|Ruben|Sander|"
    "Sanne|Saskia|Sem|Sjoerd|Sofie|Sophie|Stijn|Suzanne|Tess|Thijs|Thomas|Tim|Vincent|Wouter|Yara|"
    "Yusuf|Zoë"
)
FIRST_NAME = re.compile(rf"\b(?:{FIRST_NAMES})\b(?!-?(?:school|straat|laan|plein|college))")


def is_bsn(digits: str) -> bool:
    """Whether eight or nine digits pass the test of eleven of the citizen service number."""
    number = digits.zfill(9)
    if len(number) != 9 or not number.isdecimal() or not int(number):
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(w * int(digit) for w, digit in zip(weights, number, strict=True)) % 11 == 0


def personal_data(text: str) -> set[str]:
    """The kinds of personal data that a text seems to hold: email, phone, bsn, name."""
    kinds = set()
    if EMAIL.search(text):
        kinds.add("email")
    if PHONE.search(text):
        kinds.add("phone")
    candidates = [re.sub(r"\D", "", match.group()) for match in BSN.finditer(text)]
    candidates += [match.group(1) for match in SHORT_BSN.finditer(text)]
    if any(map(is_bsn, candidates)):
        kinds.add("bsn")
    if ADDRESSED.search(text) or FIRST_NAME.search(text):
        kinds.add("name")
    return kinds


def scan(path: Path) -> pa.Table:
    """What the open answers in an archive file may tell: row_number, variable and kind."""
    found = [
        (row_number, variable, kind)
        for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS)
        for row_number, variable, answer in zip(
            *(batch.column(name).to_pylist() for name in SCHEMA.names), strict=True
        )
        for kind in sorted(personal_data(answer))
    ]
    columns = zip(*found, strict=True) if found else ((), (), ())
    types = (pa.int64(), pa.string(), pa.string())
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    return pa.table(arrays, names=["row_number", "variable", "kind"])


def keep_findings(
    connection: duckdb.DuckDBPyConnection,
    delivery_id: str,
    wave_id: str,
    group: str,
    findings: pa.Table,
) -> None:
    """Replace the findings of a delivery in `open_text.findings`."""
    connection.execute("delete from open_text.findings where delivery_id = ?", [delivery_id])
    connection.register("found", findings)
    connection.execute(
        "insert into open_text.findings by name select ? as delivery_id, ? as wave_id, "
        "? as respondent_group, * from found",
        [delivery_id, wave_id, group],
    )
    connection.unregister("found")


def warn(file_name: str, findings: pa.Table) -> None:
    """Tell how many open answers of a file seem to hold personal data, by kind."""
    counts = Counter(findings.column("kind").to_pylist())
    if counts:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
        logger.warning(
            "%s: open answers may hold personal data (%s). Look at open_text.findings; "
            "`make purge-open-text` deletes them",
            file_name,
            kinds,
        )


def open_text_folder(settings: Settings, wave_id: str, group: str) -> Path:
    """Where the archive keeps the open answers of a wave and group, apart from all else."""
    return settings.archive / "open_text" / group / f"wave_id={wave_id}"


def is_purged(folder: Path, file_sha: str) -> bool:
    """Whether the open answers of a delivered file were purged; the archive itself remembers.

    By the file and not by the delivery: a file that is read in another way is another delivery.
    """
    return any(
        (pq.read_schema(path).metadata or {}).get(b"purged") == file_sha.encode()
        for path in sorted(folder.glob("*.parquet"))
    )


def mark_purged(schema: pa.Schema, file_sha: str) -> pa.Schema:
    """The schema of an archive file whose open answers were purged, and stay so."""
    return schema.with_metadata({"purged": file_sha})


def purge(
    settings: Settings, wave_id: str, group: str | None = None, clock: Clock = datetime.now
) -> int:
    """Delete the open answers of a wave, or of one of its groups, from archive and warehouse.

    The archive comes first: what is gone there does not come back, whenever this is interrupted.
    Returns the number of answers that were in the warehouse.

    Raises:
        LookupError: nothing of that wave and group has ever been delivered.
        WarehouseBusyError: another process holds the warehouse.
    """
    with connect(settings.warehouse) as connection:
        deliveries = connection.execute(
            "select delivery_id, respondent_group, sha256 from raw.deliveries "
            "where wave_id = ? and (? is null or respondent_group = ?) and row_count is not null "
            "and respondent_group <> 'corrections' order by delivery_id",
            [wave_id, group, group],
        ).fetchall()
        if not deliveries:
            raise LookupError(f"nothing of {group or 'any group'} in {wave_id} was ever landed.")
        purged = 0
        for delivery_id, of_group, file_sha in deliveries:
            folder = open_text_folder(settings, wave_id, of_group)
            folder.mkdir(parents=True, exist_ok=True)
            for leftover in folder.glob("*.part"):
                leftover.unlink()
            target = folder / f"{delivery_id}.parquet"
            draft = target.with_suffix(".part")
            schema = mark_purged(SCHEMA, file_sha)
            pq.write_table(schema.empty_table(), draft)
            draft.replace(target)
            with transaction(connection):
                row = connection.execute(
                    "select count(*) from open_text.answers where delivery_id = ?", [delivery_id]
                ).fetchone()
                count = row[0] if row else 0
                for table in ("answers", "findings"):
                    connection.execute(
                        f"delete from open_text.{table} where delivery_id = ?", [delivery_id]
                    )
                connection.execute(
                    "update raw.archived_files set sha256 = ? where file = ?",
                    [file_sha256(target), target.relative_to(settings.archive).as_posix()],
                )
                if count:
                    note(connection, delivery_id, PURGED, f"{count} answers", clock)
            purged += count
    rewrite(settings.warehouse)
    return purged

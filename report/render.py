"""Build the report of a release: charts first, then the pages of each language."""

from __future__ import annotations

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from report.charts import draw
from report.release import Release, ReleaseError
from report.texts import LANGUAGES

PROCESSES = 2
STATIC = Path(__file__).with_name("static")


@dataclass(frozen=True)
class ReportSummary:
    """What was written: where, how many pages and charts, and how many bytes of pages."""

    path: Path
    pages: int
    charts: int
    size: int


def build(release: Path, out: Path) -> ReportSummary:
    """Write the report of the release in folder `release` to folder `out`, replacing it.

    The same release gives the same bytes: no clock, no random ids.

    Raises:
        ReleaseError: the folder is no release with figures, or `out` holds something else.
    """
    from report.site import charts_of, front

    if out.exists() and any(out.iterdir()) and not (out / "static" / "report.css").exists():
        raise ReleaseError(
            f"{out} holds other files than a report, which would be lost. Name an empty folder."
        )
    tables = Release.read(release)
    wanted = charts_of(tables)
    draft = out.with_name(f".{out.name}.part")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(parents=True)
    shutil.copytree(STATIC, draft / "static")
    names, charts = list(wanted), list(wanted.values())
    # spawned, for a fork of a process with threads (Dagster, DuckDB) may never end
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        drawn = dict(zip(names, pool.map(draw, charts, chunksize=16), strict=True))
        written = [
            pool.submit(write_pages, release, draft, language, drawn) for language in LANGUAGES
        ]
        sizes = [size for future in written for size in future.result()]
    sizes.append(_write(draft / "index.html", front(tables.publication)))
    if out.exists():
        shutil.rmtree(out)
    draft.replace(out)
    return ReportSummary(out, len(sizes), len(charts), sum(sizes))


def write_pages(release: Path, out: Path, language: str, drawn: dict[str, str]) -> list[int]:
    """Write the pages of a language; returns their sizes in bytes."""
    from report.site import Site

    return [
        _write(out / language / path, content)
        for path, content in Site(Release.read(release), language, drawn).pages()
    ]


def _write(path: Path, content: str) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode()
    path.write_bytes(data)
    return len(data)

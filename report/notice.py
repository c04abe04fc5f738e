"""Tell the readers of an older release that there is a newer one.

Pages are static, so the notice is written into them. It stands between two comments; what is
between these is the only thing in a release that changes after it was published.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from markupsafe import Markup

from report.texts import LANGUAGES, Texts

NOTICE = re.compile(r"<!--notice-->.*?<!--/notice-->", re.DOTALL)
EMPTY = "<!--notice--><!--/notice-->"


def mark_superseded(release: Path, newer: Path, newer_id: str) -> int:
    """Write on every page of `release` that `newer` took its place, with a link to the same page.

    `newer` is a release folder or the link `current`; a page that it does not have is linked to
    its front page. Done twice, it changes nothing.

    Returns:
        How many pages changed.
    """
    return _write(release, newer, newer_id)


def mark_current(release: Path) -> int:
    """Take the notice off, when a release becomes the current one again; returns pages changed."""
    return _write(release, None, "")


def _write(release: Path, newer: Path | None, newer_id: str) -> int:
    changed = 0
    for language in LANGUAGES:
        texts = Texts(language)
        folder = release / "report" / language
        for path in sorted(folder.rglob("*.html")):
            notice = EMPTY
            if newer is not None:
                target = newer / "report" / language / path.relative_to(folder)
                if not target.exists():
                    target = newer / "report" / language / "index.html"
                # a release may have been made without its report
                href = os.path.relpath(target, path.parent) if target.exists() else None
                notice = _notice(texts, href, newer_id)
            content = path.read_text("utf-8")
            # a notice has no backslash, which a replacement would read as an escape
            marked = NOTICE.sub(notice, content, count=1)
            if marked != content:
                draft = path.with_name(f".{path.name}.part")
                draft.write_text(marked, "utf-8")
                draft.replace(path)
                changed += 1
    return changed


def _notice(texts: Texts, href: str | None, newer_id: str) -> str:
    link = Markup("")
    if href is not None:
        link = Markup(' <a class="utrecht-link" href="{}">{}</a>').format(
            href.replace(os.sep, "/"), texts("superseded.link")
        )
    return (
        Markup(
            '<!--notice--><div class="utrecht-alert utrecht-alert--info notice" role="note">'
            "<p><strong>{}</strong> {}{}</p></div><!--/notice-->"
        )
        .format(texts("superseded.title"), texts("superseded.text", release=newer_id), link)
        .replace("\n", " ")
    )

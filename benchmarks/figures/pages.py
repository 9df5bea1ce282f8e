"""What is written between two marks of a page, and the pages that have such marks.

A page says ``<!-- figures: NAME -->`` and, on a later line, ``<!-- /figures -->``. What stands between them is the table NAME.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.figures import models, results
from convert.bundle import NOTES, markdown
from edgefake.errors import InputError
from edgefake.models.file import ModelFile, require_card
from edgefake.models.store import list_models

ROOT = Path(__file__).parents[2]
_MARKED = re.compile(r"(<!-- figures: (?P<name>[\w :.-]+) -->\n).*?(<!-- /figures -->)", re.DOTALL)

Table = Callable[[], list[str]]
TABLES: Mapping[str, Table] = {**models.TABLES, **results.TABLES}
"""The lines of each table by its name."""


def renewed(text: str) -> str:
    """``text`` with what its marks ask for. Raises ``InputError`` for a table that there is not."""

    def table(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in TABLES:
            raise InputError(f"there is no table {name!r}: choose from {', '.join(TABLES)}")
        return "\n".join([match[1].rstrip("\n"), *TABLES[name](), match[3]])

    return _MARKED.sub(table, text)


def pages() -> dict[Path, str]:
    """Every page with figures, as it should be."""
    cards = _cards()
    others = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "training" / "RESULTS.md", ROOT / "NOTICE"]
    marked = {path: text for path in others if _MARKED.search(text := path.read_text("utf-8"))}
    return {path: renewed(text) for path, text in {**cards, **marked}.items()}


def _cards() -> dict[Path, str]:
    """The page beside the first file of every bundled model; what people wrote below its mark stays."""
    pages = {}
    for name, located in models.first_files(list_models()).items():
        if located.path is not None:
            page = located.path.with_name(f"{name}.md")
            card = require_card(ModelFile(located.path), None)
            pages[page] = markdown(card, located.stored.size) + NOTES + page.read_text("utf-8").partition(NOTES)[2]
    return pages


def stale() -> dict[Path, str]:
    """The pages that are not as they should be, and how they should be."""
    return {path: text for path, text in pages().items() if path.read_text("utf-8") != text}

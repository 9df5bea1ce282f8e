"""Tables of text, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgefake.text import printable


def text_table(rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of ``rows``, the heading first: columns line up, two spaces apart."""
    cells = [[printable(cell, limit=None) for cell in row] for row in rows]
    return ["  ".join(row).rstrip() for row in _padded(cells)]


def text_row(cells: Sequence[object], columns: Sequence[str]) -> str:
    """One line of a table that grows while it is printed: ``columns`` are formats with widths, ``<16`` or ``>6``."""
    return "  ".join(format(printable(cell, limit=None), column) for cell, column in zip(cells, columns, strict=True))


def markdown_table(heading: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table, whose columns line up in a terminal too. What cells hold cannot break it."""
    cells = [[printable(cell, limit=None).replace("|", "\\|") for cell in row] for row in (heading, *rows)]
    first, *others = [f"| {' | '.join(row)} |" for row in _padded(cells)]
    rule = "|".join("-" * (len(cell) + 2) for cell in _padded(cells)[0])
    return [first, f"|{rule}|", *others]


def _padded(cells: list[list[str]]) -> list[list[str]]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]

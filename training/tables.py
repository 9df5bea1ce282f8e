"""Reading CSV as people have it: any usual separator, UTF-8 or UTF-16, names of columns in any case."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path

from edgefake.errors import InputError
from edgefake.text import printable

SEPARATORS = ",;\t|"

Row = dict[str, str]
"""Cell by column."""


def read_table(path: Path, what: str) -> tuple[list[str], Iterator[tuple[int, Row]]]:
    """(columns in lower case, number and cells of each line after the first) of the CSV ``path``, which is a ``what``.

    Bytes that are not UTF-8 are kept as Python keeps them in file names (``surrogateescape``). Raises ``InputError``, later ones
    with the number of the line.
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the {what} {printable(path)} cannot be read: {reason}") from error
    return _rows(_decoded(data, path, what), path, what)


def _decoded(data: bytes, path: Path, what: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise InputError(f"the {what} {printable(path)} is UTF-16 that is damaged or cut short: save it as UTF-8") from error
    first = data.split(b"\n", 1)[0]
    if b"\0" in first:
        raise InputError(f"the {what} {printable(path)} is no text, or UTF-16 without its mark: save it as UTF-8")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def _rows(text: str, path: Path, what: str) -> tuple[list[str], Iterator[tuple[int, Row]]]:
    head = text.lstrip("\r\n").splitlines()[:1]
    separator = max(SEPARATORS, key=(head or [""])[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)

    def lines() -> Iterator[tuple[int, list[str]]]:
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num, cells
        except csv.Error as error:
            raise InputError(f"line {reader.line_num} of the {what} {printable(path)} cannot be read: {error}") from error

    found = lines()
    columns = [name.strip().lower() for name in next(found, (0, []))[1]]

    def rows() -> Iterator[tuple[int, Row]]:
        for line, cells in found:
            if len(cells) != len(columns):
                raise InputError(
                    f"line {line} of {printable(path)}: expected a value for each of the {len(columns)} columns, got {len(cells)}"
                )
            yield line, dict(zip(columns, cells, strict=True))

    return columns, rows()

"""Foreign text – file names, what a server, a model or a decoder says – made safe to show and to keep."""

from __future__ import annotations

import os
from pathlib import Path

SHORT = 300
"""How many characters of one foreign text a sentence shows."""


def printable(text: object, *, limit: int | None = SHORT) -> str:
    r"""``text`` for terminals, logs and sentences: on one line, every character visible, cut in the middle above ``limit``.

    What a terminal would obey or not show (control characters, ESC, line ends, marks that turn the direction of writing) and
    the bytes of a name that is not UTF-8 become escapes: ``bild\xe9.jpg``, ``\x1b[2J``, ``\u202e``. Applied twice it changes
    nothing more.
    """
    shown = "".join(character if character.isprintable() else _escape(character) for character in str(text))
    if limit is None or len(shown) <= limit:
        return shown
    half = (limit - 1) // 2
    return f"{shown[:half]}…{shown[-half:]}"


def p_text(p: float | None) -> str:
    """A probability with three places, or, where these would be 0 though it is not, its first figure: a prior makes such; None
    as ``-``."""
    if p is None:
        return "-"
    return f"{p:.3f}" if p >= 0.0005 or p == 0 else f"{p:.0e}"


def percent_text(p: float) -> str:
    """A probability for people who do not read decimals: ``3 %``; never 0 or 100, which would be certain: ``<1 %``, ``>99 %``."""
    if p > 0.99:
        return ">99 %"
    return "<1 %" if p < 0.01 else f"{100 * p:.0f} %"


def portable_path(path: str | os.PathLike[str]) -> str:
    """``path`` for JSON and CSV, reversibly: itself, or, where its name is not UTF-8, the absolute ``file:`` URI of it.

    Lone surrogates, which Python puts in the place of such bytes, are refused or replaced by most readers of JSON.
    """
    text = os.fspath(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return Path(os.path.abspath(text)).as_uri()
    return text


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # one byte that is not UTF-8, by the error handler "surrogateescape"
        code -= 0xDC00
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"

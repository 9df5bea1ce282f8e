"""What can be watched, for the help of commands."""

from __future__ import annotations

import textwrap

from edgefake.streaming.sources import SOURCES


def source_lines() -> str:
    """Every kind of source: how it is written, and below what it is."""
    rows = [(", ".join(kind.examples), textwrap.wrap(kind.help, 84)) for kind in SOURCES.values()]
    return "\n".join(f"  {examples}\n" + textwrap.indent("\n".join(lines), " " * 10) for examples, lines in rows)

"""What a user must be told about the data while the work goes on, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence

LISTED = 20


def note(what: str, names: Sequence[str]) -> None:
    """Say what holds for these pictures, when there are any: their number, then the first of them, one a line."""
    if not names:
        return
    more = [f"… and {len(names) - LISTED} more"] if len(names) > LISTED else []
    print("\n  ".join([f"{len(names)} {what}:", *names[:LISTED], *more]), file=sys.stderr)

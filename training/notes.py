"""What a user must be told about the data while the work goes on, on stderr: each thing once per command, in one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from edgefake.text import printable

LISTED = 3

_told: set[str] = set()


def note(what: str, names: Sequence[str]) -> None:
    """Say what holds for these pictures, when there are any: their number and the first of them."""
    if names:
        more = [f"… and {len(names) - LISTED} more"] if len(names) > LISTED else []
        say(f"note: {len(names)} {what}: {'; '.join([*map(printable, names[:LISTED]), *more])}")


def say(sentence: str) -> None:
    """Print ``sentence`` unless this command has said it before: the same data are opened several times."""
    if sentence not in _told:
        _told.add(sentence)
        print(sentence, file=sys.stderr)


def new_command() -> None:
    """Forget what was said: another command begins in this process."""
    _told.clear()

"""What all JSON of edgefake has in common: the number of its schema and one rule for rounding. ``docs/schema.md`` has the keys.

A key is never renamed or given another meaning under the same number; new ones may be added, so readers pass over those they do
not know. p_fake and thresholds are written in full: a verdict can be told again from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from edgefake.errors import InputError
from edgefake.faces.geometry import Box
from edgefake.text import printable

SCHEMA = 1
LEAST_SIDE = 0.1

T = TypeVar("T")


def plain(value: T) -> T:
    """``value`` in full: a number of NumPy as Python's, which alone JSON takes."""
    return value.item() if isinstance(value, np.generic) else value


def pixels(value: float) -> float:
    """Lengths in pixels, to a tenth."""
    return round(float(value), 1)


def box_values(box: Box) -> list[float]:
    """``[x, y, width, height]``; a side is never rounded to 0, which no box has."""
    return [pixels(box.x), pixels(box.y), max(pixels(box.width), LEAST_SIDE), max(pixels(box.height), LEAST_SIDE)]


def seconds_or_ms(value: float) -> float:
    """Seconds or milliseconds, to a thousandth."""
    return round(float(value), 3)


def figure(value: float) -> float:
    """Shares and other figures, to four places."""
    return round(float(value), 4)


def check_keys(value: Any, keys: Iterable[str], what: str) -> dict[str, Any]:
    """``value`` itself. Raises ``InputError`` unless it is a JSON object with ``keys``, in a schema that this version reads."""
    if not isinstance(value, dict):
        raise InputError(f"expected {what} as a JSON object, got {printable(repr(value), limit=60)}")
    schema = value.get("schema", SCHEMA)
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise InputError(
            f"expected {what} of schema 1…{SCHEMA}, got {printable(repr(schema))}: update edgefake, or write it again"
        )
    missing = [key for key in keys if key not in value]
    if missing:
        raise InputError(f"expected {what} with {', '.join(keys)}, got one without {', '.join(missing)}: give a whole one")
    return value

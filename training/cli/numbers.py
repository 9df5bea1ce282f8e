"""Numbers on the command line: argparse types that say which are expected."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def whole(low: int) -> Callable[[str], int]:
    """Whole numbers from ``low`` on."""
    return lambda text: int(_number(text, f"a whole number of at least {low}", lambda x: x >= low and x == int(x)))


def positive(text: str) -> float:
    """Numbers above 0."""
    return _number(text, "a number above 0", lambda x: x > 0)


def not_negative(text: str) -> float:
    """Numbers from 0 on."""
    return _number(text, "a number of at least 0", lambda x: x >= 0)


def fraction(text: str) -> float:
    """Numbers from 0 to below 1."""
    return _number(text, "a number from 0 to below 1", lambda x: 0 <= x < 1)


def _number(text: str, expected: str, fits: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and fits(value)):
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
    return value

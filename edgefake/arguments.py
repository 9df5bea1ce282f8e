"""Arguments that come in more types than one."""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from edgefake.errors import InputError

T = TypeVar("T")


def listed(values: Iterable[T], expected: str) -> list[T]:
    """Any iterable as a list. Raises ``InputError``, which says what was expected, for what is none."""
    try:
        iterator = iter(values)
    except TypeError:
        raise InputError(f"expected {expected}, got {reprlib.repr(values)}") from None
    return list(iterator)  # outside of the try: what a generator of the user raises is the user's


def whole_number(name: str, value: Any) -> int:
    """``value`` as an int: any integer of at least 1, NumPy's too, but not True. Raises ``InputError`` for anything else."""
    try:
        number = 0 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
    return number

"""Arguments that come in more types than one."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from edgefake.errors import InputError


def whole_number(name: str, value: Any) -> int:
    """``value`` as an int: any integer of at least 1, NumPy's too, but not True. Raises ``InputError`` for anything else."""
    try:
        number = 0 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
    return number

"""Arguments that come in more types than one."""

from __future__ import annotations

import operator
import os
import reprlib
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from edgefake import odds
from edgefake.errors import InputError
from edgefake.pixels import Pixels

T = TypeVar("T")

_UINT8 = np.dtype(np.uint8)


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
        raise InputError(f"expected {name} to be a whole number of at least 1, got {value!r}")
    return number


def checked_prior(value: Any) -> float:
    """``value`` as a float. Raises ``InputError`` unless it is a number as far from 0 and 1 as ``odds.RAREST``."""
    if not odds.is_p_fake(value) or not odds.RAREST <= value <= 1 - odds.RAREST:
        limits = f"{odds.RAREST:f}…{1 - odds.RAREST:f}"
        raise InputError(f"expected a prior, the share of fakes, in {limits}, got {value!r}: leave it out for half")
    return float(value)


def checked_frame(frame: Pixels) -> Pixels:
    """``frame`` itself, or a contiguous copy; ``InputError`` unless it is uint8 H×W×3 with pixels in it."""
    if not (isinstance(frame, np.ndarray) and frame.dtype == _UINT8 and frame.ndim == 3 and frame.shape[2] == 3 and frame.size):
        raise InputError(_frame_fault(frame))
    return np.ascontiguousarray(frame)


def _frame_fault(frame: Any) -> str:
    """What is wrong with a ``frame``."""
    if isinstance(frame, str | bytes | os.PathLike):
        return f"expected a frame (uint8, H×W×3, BGR), got {reprlib.repr(frame)}: read it with edgefake.read_image"
    if not isinstance(frame, np.ndarray):
        return f"expected a frame as a NumPy array (uint8, H×W×3, BGR), got {type(frame).__name__}"
    if frame.dtype != _UINT8:
        return f"expected a uint8 frame with pixels 0…255, got {frame.dtype}: scale it back and use frame.astype(np.uint8)"
    if frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 1):
        return f"expected a BGR frame (H×W×3), got a grey one {frame.shape}: convert it with cv2.COLOR_GRAY2BGR"
    if frame.ndim == 3 and frame.shape[2] == 4:
        return f"expected a BGR frame (H×W×3), got one with alpha {frame.shape}: convert it with cv2.COLOR_BGRA2BGR"
    if frame.ndim != 3 or frame.shape[2] != 3:
        return f"expected a BGR frame (H×W×3), got an array of shape {frame.shape}"
    return f"the frame is empty: its shape is {frame.shape}"

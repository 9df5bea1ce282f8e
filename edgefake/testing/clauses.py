"""Saying which clause of a contract is broken, and what the suites share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from edgefake.pixels import Pixels

THREADS = 8

T = TypeVar("T")
R = TypeVar("R")


class BrokenError(Exception):
    """What was expected in a clause, and what came."""


@contextmanager
def clause(name: str) -> Iterator[None]:
    """What goes wrong in here is told as a breach of the clause ``name``."""
    try:
        yield
    except BrokenError as error:
        raise AssertionError(f"{name}: {error}") from None
    except Exception as error:
        raise AssertionError(f"{name}: it raised {type(error).__name__}: {error}") from error


def expect(condition: bool, told: str) -> None:
    if not condition:
        raise BrokenError(told)


def expect_name(name: object) -> None:
    expect(isinstance(name, str) and name.strip() != "", f"{name!r}, expected a text for people")


def expect_refusal(call: Callable[[], object], error: type[Exception], what: str) -> None:
    """``call`` raises this ``error``, with one sentence."""
    try:
        call()
    except error as raised:
        text = str(raised)
        expect(len(text.split()) > 2 and "\n" not in text, f"{what} raises {error.__name__}({text!r}), expected one sentence")
    else:
        raise BrokenError(f"{what} does not raise {error.__name__}")


def is_number(value: object) -> bool:
    """Whether it is a finite float or int of Python's own: JSON takes no other, and those of NumPy count with fewer digits."""
    return type(value) in (float, int) and math.isfinite(value)  # type: ignore[arg-type]


def kind(value: object) -> str:
    """Of which type, and of an array which shape, for messages."""
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__


def drawn(count: int, height: int, width: int, *, blocks: int = 4) -> Pixels:
    """Unlike pictures of blocks of colour: uint8, (count, height, width, 3)."""
    colours = np.random.default_rng(0).integers(0, 256, (count, blocks, blocks, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * blocks // height, np.arange(width) * blocks // width
    return np.ascontiguousarray(colours[:, rows][:, :, columns])


def frozen(pixels: Pixels) -> Pixels:
    """A copy that cannot be written to."""
    copy = pixels.copy()
    copy.flags.writeable = False
    return copy


def at_once(call: Callable[[T], R], arguments: Iterable[T]) -> list[R]:
    """What ``call`` gives for each of the ``arguments``, called by several threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, arguments))

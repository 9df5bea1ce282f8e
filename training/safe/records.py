"""Small JSON files of our own folders, which may come from somebody else's machine."""

from __future__ import annotations

import json
import math
import stat
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from edgefake.errors import InputError

Record = TypeVar("Record")

LARGEST_FILE = 64 * 2**20
LONGEST_TEXT = 4096


def read_plain(path: Path, longest: int = LARGEST_FILE) -> bytes:
    """The bytes of a file of ours; ``InputError`` where it is a pipe or device, which may have no end, or larger than any."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise InputError("it is no plain file")
    with path.open("rb") as stream:
        data = stream.read(longest + 1)
    if len(data) > longest:
        raise InputError(f"it is larger than {longest / 1e6:.0f} MB")
    return data


def read_record(path: Path, kind: type[Record]) -> Record:
    """The data class ``kind`` of texts, numbers and tuples of texts from the JSON object in the file ``path``.

    Raises ``InputError``, whose message completes a sentence about the file, where that is damaged, or holds other keys or kinds
    of values; ``FileNotFoundError`` where there is none.
    """
    try:
        return _record(json.loads(read_plain(path)), kind)
    except (InputError, FileNotFoundError):
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{type(error).__name__}: {str(error)[:120]}") from error


def _record(values: Any, kind: type[Record]) -> Record:
    if not isinstance(values, dict):
        raise InputError(f"expected an object, got a {type(values).__name__}")
    kinds = get_type_hints(kind)
    if unknown := sorted(values.keys() - kinds.keys()):
        raise InputError(f"{ascii(unknown[0])[:60]} is no key of it")
    for name, value in values.items():
        if not _fits(value, kinds[name]):
            raise InputError(f"{name} is {ascii(value)[:60]}, expected {_words(kinds[name])}")
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    except TypeError:
        missing = [field.name for field in fields(kind) if field.name not in values]  # type: ignore[arg-type]
        raise InputError(f"it lacks {', '.join(missing)}") from None


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:
        return isinstance(value, list) and all(_fits(item, get_args(kind)[0]) for item in value)
    if get_args(kind):  # one of several
        return any(_fits(value, one) for one in get_args(kind))
    if kind is str:
        return isinstance(value, str) and len(value) <= LONGEST_TEXT and "\0" not in value
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e18 and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return isinstance(value, kind)


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return "a list of texts"
    if get_args(kind):
        return " or ".join(map(_words, get_args(kind)))
    words = {str: f"a text of at most {LONGEST_TEXT} characters", int: "a whole number", float: "a number", bool: "true or false"}
    return words.get(kind, "null" if kind is NoneType else kind.__name__)

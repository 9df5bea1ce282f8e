"""Checking the values of a card against its declared types, from JSON and from Python alike."""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import types
import typing
from typing import Any, Literal, Union

from edgefake.text import printable


class Unfit(Exception):
    """What is wrong with a value, and what would be right."""


def checked(kind: Any, value: Any, where: str) -> Any:
    """``value`` as ``kind``, one of the types that cards use: lists become tuples, objects data classes, NumPy's numbers plain.

    Raises ``Unfit`` where it does not fit.
    """
    if kind is float and type(value) is float and math.isfinite(value):  # most of a card, which devices read at every start
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _object(kind, value, where)
    if origin in (Union, types.UnionType):
        return _of_union(arguments, value, where)
    if origin is tuple and isinstance(value, (list, tuple)):
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise Unfit(f"{where}: expected {len(arguments)} entries, got {shown(value)}")
        return tuple(checked(arguments[0], item, where) for item in value)
    if origin is dict and isinstance(value, dict):
        return {checked(str, key, where): checked(arguments[1], item, f"{where}, {shown(key)}") for key, item in value.items()}
    if origin is Literal:
        if isinstance(value, str) and value in arguments:
            return value
        raise Unfit(f"{where}: expected {' or '.join(arguments)}, got {shown(value)}")
    if kind is float and _is_number(value, numbers.Real) and math.isfinite(number := _float(value)):
        return number
    if kind is int and _is_number(value, numbers.Integral):
        return int(value)
    if kind is str and isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unfit(f"{where}: expected text, got half a character in {shown(value)}") from None
        return str(value)
    names = {tuple: "a list", dict: "an object", float: "a finite number", int: "a whole number", str: "text"}
    raise Unfit(f"{where}: expected {names[origin or kind]}, got {shown(value)}")


def shown(value: Any) -> str:
    """``repr``, cut where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python refuses to print numbers of more than 4300 digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}…"


@functools.cache
def types_of(kind: Any) -> dict[str, Any]:
    """The type of every field of a data class."""
    return typing.get_type_hints(kind)


def check_keys(fields: typing.Iterable[str], keys: typing.Iterable[str], where: str) -> None:
    """Raise ``Unfit`` unless ``keys`` are the names of the ``fields``."""
    known, given = set(fields), set(map(str, keys))
    differences = {"lacks": known - given, "has unknown": given - known}
    if faults := [f"{what} {printable(', '.join(sorted(names)))}" for what, names in differences.items() if names]:
        raise Unfit(f"{where} {' and '.join(faults)}")


def _object(kind: Any, value: Any, where: str) -> Any:
    if isinstance(value, kind) and hasattr(kind, "__post_init__"):  # it has checked itself
        return value
    if isinstance(value, kind):
        value = {name: getattr(value, name) for name in types_of(kind)}
    if not isinstance(value, dict):
        raise Unfit(f"{where}: expected {kind.__name__} ({', '.join(types_of(kind))}), got {shown(value)}")
    check_keys(types_of(kind), value, where)
    return kind(**{name: checked(hint, value[name], f"{where}.{name}") for name, hint in types_of(kind).items()})


def _of_union(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    """The cards' unions are "X or None", and "one or several": the first type is that of a single one."""
    if arguments[-1] is type(None):
        return None if value is None else checked(arguments[0], value, where)
    return checked(arguments[isinstance(value, (list, tuple))], value, where)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)

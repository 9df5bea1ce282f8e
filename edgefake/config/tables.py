"""A table of a TOML file read as the arguments of a class or function: its signature is the one definition of the keys."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from edgefake.errors import InputError
from edgefake.secrets import without_secrets
from edgefake.text import printable

STANDARD = "-"
"""In the place of a path: standard output."""

_WORDS = {
    str: "a text in quotes",
    Path: "a text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def arguments_of(
    table: Mapping[str, Any],
    target: Callable[..., object],
    where: str,
    *,
    but: Collection[str] = (),
    folder: Path | None = None,
) -> dict[str, Any]:
    """``table`` as keyword arguments for ``target``, whose parameters ``but`` those are the keys that there may be.

    ``where`` names file and table in errors. Relative paths are below ``folder``. Raises ``InputError`` for an
    unknown or missing key and a value of another type.
    """
    parameters = {name: p for name, p in inspect.signature(target).parameters.items() if name not in but}
    hints = get_type_hints(target.__init__ if inspect.isclass(target) else target)
    check_keys(table, parameters, where)
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in table:
            raise InputError(f"{where}: {name} is missing: give {_words(hints[name])}")
    values = {name: _value(value, hints[name], f"{where} {name}") for name, value in table.items()}
    paths = [name for name, value in values.items() if Path in _alternatives(hints[name]) and value not in (None, STANDARD)]
    return values | {name: str(folder / values[name]) for name in paths if folder}


def check_keys(table: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Raise ``InputError`` for a key that is none of ``known``, with the nearest of them."""
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
            raise InputError(f"{where}: there is no key {printable(key)}: {hint}")


def as_table(value: Any, where: str) -> dict[str, Any]:
    """``value`` itself. Raises ``InputError`` unless it is a table."""
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a table, got {shown(value)}: write it as [table] with lines KEY = VALUE below")
    return value


def _value(value: Any, hint: Any, where: str) -> Any:
    """``value`` as ``hint`` wants it."""
    for wanted in _alternatives(hint):
        fits, made = _fitted(value, wanted)
        if fits:
            return made
    raise InputError(f"{where}: expected {_words(hint)}, got {shown(value)}")


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _fitted(value: Any, wanted: Any) -> tuple[bool, Any]:
    """Whether ``value`` is of the type ``wanted``, and as what it is given on."""
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        return value in inner, value
    if origin is tuple and inner[-1] is Ellipsis:
        return isinstance(value, list) and all(_is(item, inner[0]) for item in value), tuple(_listed(value))
    if origin is tuple:
        return isinstance(value, list) and len(value) == len(inner) and all(map(_is, value, inner)), tuple(_listed(value))
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(isinstance(item, str) for item in value.values()), value
    if wanted is Any:
        return True, value
    return _is(value, wanted), float(value) if wanted is float and _is(value, float) else value


def _is(value: Any, wanted: Any) -> bool:
    if wanted is bool or isinstance(value, bool):
        return wanted is bool and isinstance(value, bool)
    if wanted is float:
        return isinstance(value, int | float)
    return isinstance(value, str if wanted is Path else wanted) if inspect.isclass(wanted) else False


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _words(hint: Any) -> str:
    """What is expected, for people."""
    words = []
    for wanted in _alternatives(hint):
        origin, inner = get_origin(wanted), get_args(wanted)
        if origin is Literal:
            words += [f'"{value}"' for value in inner]
        elif origin is tuple and inner[-1] is Ellipsis:
            words.append('a list of texts such as ["front_door"]')
        elif origin is tuple:
            words.append(f"a list of {len(inner)} numbers such as [1280, 720]")
        elif origin is not None:
            words.append('a table of texts such as { NAME = "value" }')
        elif wanted is Any:
            words.append("a text in quotes or a number")
        elif wanted is not type(None):
            words.append(_WORDS.get(wanted, str(wanted)))
    return " or ".join(dict.fromkeys(words))


def shown(value: Any) -> str:
    """What came, for people, without secrets."""
    if isinstance(value, str):
        return f'"{printable(without_secrets(value), limit=60)}"'
    if isinstance(value, bool):
        return str(value).lower()
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else printable(value, limit=60)

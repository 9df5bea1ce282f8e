"""Secrets in a configuration: ``${NAME}`` from the environment, ``${file:PATH}`` from a file.

So they stand neither in the file nor on a command line. Within an address they are percent-encoded, as user and password must be.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edgefake.errors import InputError
from edgefake.text import printable

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
MAX_BYTES = 1 << 16
"""A secret is no longer than this."""


def filled(value: Any, where: str, *, folder: Path, environment: Mapping[str, str] | None = None) -> Any:
    """``value`` with its references filled in, in tables and lists too; relative paths of files are below ``folder``.

    In the paths of files ``$NAME`` is from the environment too, such as ``$CREDENTIALS_DIRECTORY`` of systemd. Raises
    ``InputError`` where one leads nowhere.
    """
    known = os.environ if environment is None else environment
    if isinstance(value, dict):
        return {key: filled(item, f"{where} {key}", folder=folder, environment=known) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, where, folder=folder, environment=known) for item in value]
    if not isinstance(value, str):
        return value

    def secret(match: re.Match[str]) -> str:
        name = match[1]
        found = _of_file(name[5:], where, folder, known) if name.startswith("file:") else known.get(name)
        if found is None:
            raise InputError(f"{where}: the environment has no {printable(name) or 'name between the braces'}: set it")
        return quote(found, safe="") if "://" in value[: match.start()] else found

    return _REFERENCE.sub(secret, value)


def _of_file(path: str, where: str, folder: Path, known: Mapping[str, str]) -> str:
    """What the file holds, without the end of its line."""
    expanded = re.sub(r"\$(\w+)", lambda match: known.get(match[1], match[0]), path)
    try:
        with (folder / expanded).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise InputError(f"{where}: {printable(expanded)} has more than {MAX_BYTES} bytes: give a file with a secret alone")
        return data.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(f"{where}: the secret in {printable(expanded)} cannot be read ({reason}): give another file") from error

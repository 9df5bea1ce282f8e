"""Who may call: keys, told apart without telling how much of one was right."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from pathlib import Path

from edgefake.errors import InputError
from edgefake.text import printable

SHORTEST = 16
"""Characters: what is shorter can be guessed by trying."""


class Keys:
    """The keys of a service; none: everybody may call. Raises ``InputError`` for a key that could not be sent or is short."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._keys = tuple(keys)
        for key in self._keys:
            if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
                raise InputError(
                    f"expected keys of {SHORTEST} or more letters, digits and signs, got one of {len(key)} characters: make one "
                    "with `openssl rand -hex 32`"
                )

    def __bool__(self) -> bool:
        return bool(self._keys)

    def admit(self, authorization: str) -> bool:
        """Whether a header ``Authorization: Bearer KEY`` has one of them; every one is compared in full."""
        scheme, _, given = authorization.partition(" ")
        right = [hmac.compare_digest(given.strip().encode(), key.encode()) for key in self._keys]
        return not self._keys or (scheme.lower() == "bearer" and any(right))


def read_keys(path: Path) -> list[str]:
    """The keys in a file, one a line; empty lines and those that begin with # are passed over. Raises ``InputError``."""
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{printable(path)} cannot be read ({reason}): give a file with one key a line") from error
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise InputError(f"{printable(path)} has no key in it: write one a line")
    return keys

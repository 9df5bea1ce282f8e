"""Pictures told apart by their content: a data set's parts, and what a run has seen, follow from digests, never from paths."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

from edgefake.errors import InputError
from edgefake.files import write_atomically
from edgefake.system import available_cores
from edgefake.text import printable
from training.safe.records import read_plain

SEEN = "seen.txt"
"""In a run's folder: the digests of all pictures that taught or chose it or the runs it came from, one a line."""

DIGEST = re.compile("[0-9a-f]{32}")

Key = tuple[str, frozenset[int]]
"""What is assigned to a part as one: the name of a group or the digest of a picture, and the labels in it."""


def digests(paths: Iterable[Path]) -> dict[Path, str]:
    """The digest of each file: 32 hexadecimal digits, equal where the bytes are equal; of one that cannot be read, its path."""
    distinct = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(available_cores()) as pool:
        return dict(zip(distinct, pool.map(_digest, distinct), strict=True))


def parts_of(keys: Sequence[Key], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The part of each key: drawn from a hash of key and ``seed``, so that no other key matters.

    Only where that leaves a class without any key in a part, the nearest one of that class is moved there.
    """
    place = {name: _place(name, (*shares, seed)) for name, _ in keys}
    ends = dict(zip(shares, accumulate(shares.values()), strict=True))
    last = next(reversed(shares))
    part_of = {name: next((part for part, end in ends.items() if at < end), last) for name, at in place.items()}
    count = Counter((part_of[name], label) for name, labels in keys for label in labels)
    for label in sorted({label for _, labels in keys for label in labels}):
        for part in reversed(shares):
            if count[part, label]:
                continue
            spare = {
                name: labels
                for name, labels in keys
                if label in labels and all(count[part_of[name], other] > 1 for other in labels)
            }
            if spare:
                middle = ends[part] - shares[part] / 2
                name = min(spare, key=lambda name: abs(place[name] - middle))
                count.subtract((part_of[name], other) for other in spare[name])
                count.update((part, other) for other in spare[name])
                part_of[name] = part
    return part_of


def keep_seen(folder: Path, seen: Iterable[str]) -> None:
    """Add digests to what the run in ``folder`` has seen. Raises ``OSError``."""
    together = {digest for digest in seen if DIGEST.fullmatch(digest)} | (read_seen(folder) or set())
    write_atomically(folder / SEEN, "".join(f"{digest}\n" for digest in sorted(together)).encode())


def read_seen(folder: Path) -> set[str] | None:
    """What the run in ``folder`` has seen; None where it does not say. Raises ``InputError`` when the file is damaged."""
    path = folder / SEEN
    try:
        lines = read_plain(path, 2**30).decode("ascii", "replace").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{printable(path)} cannot be read ({error.strerror})") from error
    except InputError as error:
        raise InputError(f"{printable(path)} cannot be read: {error}") from error
    if wrong := next((line for line in lines if not DIGEST.fullmatch(line)), None):
        raise InputError(f"{printable(path)} is damaged: expected a digest of 32 digits in each line, got {printable(wrong)!r}")
    return set(lines)


def _digest(path: Path) -> str:
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return str(path)


def _place(name: str, salt: tuple[object, ...]) -> float:
    """Where the hash of ``name`` falls, 0…1."""
    data = f"{salt}\0{name}".encode(errors="surrogateescape")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") / 2**64

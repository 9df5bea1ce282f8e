"""Where the files go that a command writes for each of its inputs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from edgefake.errors import InputError


def output_paths(inputs: Sequence[Path], folder: Path, suffix: str, *, option: str) -> dict[Path, Path]:
    """Where the output for each input goes: below ``folder`` as the inputs lie below the deepest folder they share.

    The whole name of the input is kept and ``suffix`` added, so that ``a.jpg`` and ``a.png`` do not collide; of a name too long
    for that, its beginning and a digest are kept. Makes the folder. Raises ``InputError`` when that cannot be made, or holds an
    input.
    """
    target = Path(os.path.realpath(folder))
    inside = [path for path in inputs if os.path.exists(path) and target in Path(os.path.realpath(path)).parents]
    if inside:
        raise InputError(f"{inside[0]} lies in {folder}, where {option} writes: give it a folder without inputs")
    try:
        folder.mkdir(parents=True, exist_ok=True)  # told before the first input, not after the last
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made ({error.strerror}): give {option} one that can") from error
    full = {path: Path(os.path.abspath(path)) for path in inputs}
    root = os.path.commonpath([path.parent for path in full.values()]) if full else ""
    return {path: folder / where.relative_to(root).with_name(_named(where.name, suffix)) for path, where in full.items()}


def _named(name: str, suffix: str) -> str:
    """``name`` with ``suffix``, within the 255 bytes that a file name may have."""
    room = 255 - len(suffix)
    data = os.fsencode(name)
    if len(data) <= room:
        return name + suffix
    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: room - 9].decode(errors='ignore')}~{digest}{suffix}"

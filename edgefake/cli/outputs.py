"""Where the files go that a command writes for each of its inputs."""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from edgefake.errors import InputError
from edgefake.text import printable

LONGEST_NAME = 240
"""Bytes: file systems take 255, and what writes the file may add to its name."""


def add_annotate_options(parser: argparse.ArgumentParser, suffix: str) -> None:
    """``--annotate DIR``, whose copies are called NAME + ``suffix``, and ``--footer``."""
    parser.add_argument(
        "--annotate", metavar="DIR", type=Path, help=f"write copies with the faces marked into DIR, as NAME{suffix}"
    )
    parser.add_argument(
        "--footer", action="store_true", help="tell model, thresholds and date at the foot of the copies of --annotate"
    )


def check_footer(arguments: argparse.Namespace) -> None:
    """Raise ``InputError`` for ``--footer`` without the copies that it is written into."""
    if arguments.footer and not arguments.annotate:
        raise InputError("expected --annotate DIR with --footer, which is written into its copies, got --footer alone")


def output_paths(inputs: Sequence[Path], folder: Path, suffix: str, *, option: str) -> dict[Path, Path]:
    """Where the output for each input goes: below ``folder`` as the inputs lie below the deepest folder they share.

    The whole name of the input is kept and ``suffix`` added, so that ``a.jpg`` and ``a.png`` do not collide; of a name too long
    for that, its beginning and a digest are kept. Makes the folder. Raises ``InputError`` when that cannot be made, or holds an
    input.
    """
    target = Path(os.path.realpath(folder))
    inside = [path for path in inputs if os.path.exists(path) and target in Path(os.path.realpath(path)).parents]
    if inside:
        raise InputError(
            f"{printable(inside[0])} lies in {printable(folder)}, where {option} writes: give it a folder without inputs"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)  # told before the first input, not after the last
    except OSError as error:
        raise InputError(
            f"the folder {printable(folder)} cannot be made ({error.strerror}): give {option} one that can"
        ) from error
    full = {path: Path(os.path.abspath(path)) for path in inputs}
    root = os.path.commonpath([path.parent for path in full.values()]) if full else ""
    return {path: folder / where.relative_to(root).with_name(_name(where.name, suffix)) for path, where in full.items()}


def _name(name: str, suffix: str) -> str:
    """``name`` and ``suffix``, or, where a file name may not be so long, as much of it as fits and its digest."""
    raw = os.fsencode(name)
    if len(raw) + len(suffix) <= LONGEST_NAME:
        return name + suffix
    kept = raw[: LONGEST_NAME - len(suffix) - 9].decode(errors="ignore")
    return f"{kept}-{hashlib.sha256(raw).hexdigest()[:8]}{suffix}"

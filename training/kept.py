"""Where what is found out about a data set is kept when it cannot lie beside it: data is often read-only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from edgefake.text import portable_path

FOLDER = Path("runs")
"""Below the working directory."""


def kept_path(kind: str, data: Path, suffix: str) -> Path:
    """The file of this ``kind`` (a folder's name) about ``data``."""
    resolved = data.resolve()
    return FOLDER / kind / f"{resolved.name}-{hashlib.sha256(os.fsencode(resolved)).hexdigest()[:8]}{suffix}"


def name_below(path: Path, data: Path) -> str:
    """What reports call a picture: its path below ``data`` where it lies there, else, or where that is not UTF-8, all of it."""
    name = (path.relative_to(data) if path.is_relative_to(data) else path).as_posix()
    return name if portable_path(name) == name else portable_path(path)


def face_table(data: Path) -> Path:
    """The face table of ``data``: in its folder, or, for a manifest, beside it; below ``runs/faces`` where that is read-only."""
    beside = data.with_suffix(".faces.csv") if data.suffix.lower() == ".csv" else data / "faces.csv"
    if beside.exists() or os.access(beside.parent, os.W_OK):
        return beside
    return kept_path("faces", data, ".csv")

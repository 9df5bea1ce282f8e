"""Where what is found out about a data set is kept when it cannot lie beside it: data is often read-only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

FOLDER = Path("runs")
"""Below the working directory."""


def kept_path(kind: str, data: Path, suffix: str) -> Path:
    """The file of this ``kind`` (a folder's name) about ``data``."""
    resolved = data.resolve()
    return FOLDER / kind / f"{resolved.name}-{hashlib.sha256(os.fsencode(resolved)).hexdigest()[:8]}{suffix}"


def face_table(data: Path) -> Path:
    """The face table of ``data``: in its folder, or, for a manifest, beside it; below ``runs/faces`` where that is read-only."""
    beside = data.with_suffix(".faces.csv") if data.suffix.lower() == ".csv" else data / "faces.csv"
    if beside.exists() or os.access(beside.parent, os.W_OK):
        return beside
    return kept_path("faces", data, ".csv")

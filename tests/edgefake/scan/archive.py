"""Small archives, and how the tests scan them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from edgefake.scan import Limits, Scanned, Settings, scan
from tests.edgefake.cli.pictures import draw

SETTINGS = Settings(model="cnn_int8", faces="frame")
"""Every picture is a face: what is tested is the way of the rows."""


def archive(folder: Path, count: int) -> list[Path]:
    """Different pictures."""
    return [draw(folder / f"{number:03}.png", seed=number) for number in range(count)]


def film(path: Path, *, seconds: int = 60, fps: int = 2) -> Path:
    """A video of noise that changes, which ``--faces frame`` scores."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (96, 96))
    for number in range(seconds * fps):
        noise = np.random.default_rng(number // fps).integers(0, 256, (24, 24, 3), np.uint8)
        writer.write(cv2.resize(noise, (96, 96), interpolation=cv2.INTER_CUBIC))
    writer.release()
    return path


def scanned(out: Path, *sources: Path | str, settings: Settings = SETTINGS, **options: Any) -> Scanned:
    options = {"workers": 2, "limits": Limits(nice=0), **options}
    return scan([str(source) for source in sources], out, settings, **options)


def table(out: Path) -> pa.Table:
    """All rows, sorted."""
    found = pa.concat_tables([pq.read_table(part) for part in sorted(out.glob("part-*.parquet"))])
    return found.sort_by("path")


def rows(out: Path) -> dict[str, dict[str, Any]]:
    """By name."""
    found = table(out).to_pylist()
    by_name = {Path(row["path"]).name: row for row in found}
    assert len(by_name) == len(found)
    return by_name

"""Drawn data sets: pictures whose "fake" class carries a fine pattern that a small network learns in seconds."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from edgefake.pixels import Pixels


def drawn_face(rng: np.random.Generator, *, fake: bool, side: int = 96) -> Pixels:
    """A smooth coloured oval on a smooth ground (uint8, side×side×3, BGR); fakes have stripes on the oval."""
    picture = np.full((side, side, 3), rng.integers(40, 120, 3), np.uint8)
    cv2.ellipse(picture, (side // 2, side // 2), (side // 4, side // 3), 0, 0, 360, rng.integers(120, 220, 3).tolist(), -1)
    picture = cv2.GaussianBlur(picture, (0, 0), 2)
    shade = np.add(picture, rng.normal(0, 3, picture.shape))
    if fake:
        stripes = 25 * np.sign(np.sin(np.arange(side) * rng.uniform(0.9, 1.1)))
        shade[side // 4 : -side // 4, side // 4 : -side // 4] += stripes[None, side // 4 : -side // 4, None]
    return np.clip(shade, 0, 255).astype(np.uint8)


def drawn_dataset(root: Path, *, splits: dict[str, int], seed: int = 0) -> Path:
    """Write ``root/SPLIT/real|fake/N.png`` with so many pictures per class and split, and ``root/faces.csv``."""
    rng = np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    with (root / "faces.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "x", "y", "w", "h"))
        for split, count in splits.items():
            for label in ("real", "fake"):
                folder = root / split / label
                folder.mkdir(parents=True)
                for index in range(count):
                    path = folder / f"{index:03}.png"
                    cv2.imwrite(str(path), drawn_face(rng, fake=label == "fake"))
                    writer.writerow((path.relative_to(root).as_posix(), 22, 14, 52, 68))
    return root

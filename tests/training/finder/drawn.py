"""Drawn photos for the finder's tests: heads with eyes and a mouth on a coloured ground, and grounds with none."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.pixels import Pixels
from training.finder.data import BOX, POINTS

SIDE = 128


def drawn_photo(rng: np.random.Generator, faces: int) -> tuple[Pixels, npt.NDArray[np.float32]]:
    """(uint8, SIDE×SIDE×3, BGR; (faces, 14): boxes and points): heads side by side."""
    picture = np.full((SIDE, SIDE, 3), rng.integers(0, 110, 3), np.uint8)
    rows = []
    for index in range(faces):
        room = SIDE / faces
        size = rng.uniform(0.3, 0.6) * room
        x, y = (index + 0.5) * room, rng.uniform(size / 2, SIDE - size / 2)
        w, h = 0.8 * size, size
        cv2.ellipse(picture, ((x, y), (w, h), 0), (150, 190, 240), -1, cv2.LINE_AA)
        eyes = [(x - w / 5, y - h / 8), (x + w / 5, y - h / 8)]
        mouth = [(x - w / 5, y + h / 4), (x + w / 5, y + h / 4)]
        for eye in eyes:
            cv2.circle(picture, (round(eye[0]), round(eye[1])), max(1, round(size / 14)), (20, 20, 20), -1, cv2.LINE_AA)
        cv2.line(picture, *[(round(a), round(b)) for a, b in mouth], (30, 30, 160), max(1, round(size / 16)), cv2.LINE_AA)
        rows.append([x - w / 2, y - h / 2, w, h, *np.ravel([*eyes, (x, y), *mouth])])
    return picture, np.array(rows, np.float32).reshape(-1, 14)


def drawn_photos(root: Path, splits: dict[str, int]) -> Path:
    """Write ``root/SPLIT/N.png`` and ``root/faces.csv``: every fourth picture without a face, every third with two."""
    rng = np.random.default_rng(0)
    root.mkdir(parents=True)
    with (root / "faces.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", *BOX, *POINTS))
        for split, count in splits.items():
            (root / split).mkdir()
            for index in range(count):
                picture, faces = drawn_photo(rng, 0 if index % 4 == 3 else 1 + (index % 3 == 0))
                name = f"{split}/{index}.png"
                cv2.imwrite(str(root / name), picture)
                writer.writerows([name, *(round(float(v), 1) for v in face)] for face in faces)
                if not len(faces):
                    writer.writerow([name, *[""] * 14])
    return root

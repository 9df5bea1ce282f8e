"""Render the sample data of ``explore.ipynb``: people who do not exist, and crude face swaps between them.

Everyone is drawn by ``tests/images/draw_portrait.py``, with other colours, light, pose and background. Real and fake ones come
in pairs of one pose, so that nothing about it tells them apart. In a fake, the inner face is that of somebody else, drawn in the
same pose, but in the fewer pixels that a face generator has: in other light, and mostly softer than the rest.

    python -m training.notebooks.draw_sample
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np

from edgefake.pixels import Pixels
from tests.images import draw_portrait as portrait
from tests.images.draw_portrait import FINE, Map

SAMPLE = Path(__file__).with_name("sample")
SPLITS = {"train": 36, "val": 16, "test": 16}
"""Pictures of each class."""
CLASSES = ("real", "fake")
POINTS = ("right_eye", "left_eye", "mouth_right", "mouth_left")
COLUMNS = ("file", "x", "y", "w", "h", *(f"{point}_{axis}" for point in POINTS for axis in "xy"))

WIDTH, HEIGHT = 160, 192
QUALITY = 90  # of JPEG, alike in both classes
COARSE = (1.0, 2.6)  # pixels of the picture to one of the generator, across: at least, at most

# In half widths of the face, as the renderer counts.
BOX = (-0.90, -0.95, 0.90, 1.25)  # left, top, right and bottom edge: as YuNet frames a face
LANDMARKS = ((-0.40, -0.10), (0.40, -0.10), (-0.30, 0.70), (0.30, 0.70))

# BGR, linear light.
SKINS = np.array([(0.036, 0.060, 0.130), (0.075, 0.135, 0.280), (0.150, 0.245, 0.450), (0.255, 0.375, 0.625)])
HAIRS = np.array([(0.008, 0.009, 0.011), (0.022, 0.034, 0.060), (0.040, 0.085, 0.160), (0.12, 0.24, 0.36), (0.24, 0.25, 0.26)])


@dataclass(frozen=True, slots=True)
class Pose:
    """How a head is held and built."""

    unit: float
    """Pixels in half a face."""
    shift: tuple[float, float]
    """Of the head from the middle of the picture, in half faces."""
    tilt: float
    """Radians."""
    turn: float
    """How far the middle of the face moves to the side, in half faces."""
    wide: float
    """Width of the face as a multiple of the usual."""

    def grid(self) -> tuple[Map, Map]:
        """(x, y) of every pixel in half faces, at drawing size."""
        rows, columns = np.mgrid[0 : HEIGHT * FINE, 0 : WIDTH * FINE].astype(np.float32)
        x = (columns - WIDTH * FINE / 2) / (self.unit * FINE) - self.shift[0]
        y = (rows - HEIGHT * FINE / 2) / (self.unit * FINE) - self.shift[1]
        x, y = x * np.cos(self.tilt) + y * np.sin(self.tilt), y * np.cos(self.tilt) - x * np.sin(self.tilt)
        x = x / self.wide
        return (x - self.turn * np.clip(1 - x**2, 0, None)).astype(np.float32), y.astype(np.float32)


def draw(split: str, label: int, index: int) -> tuple[Pixels, list[float]]:
    """One picture of the sample (uint8, 192×160×3, BGR), and its line in the face table: pixels, in the order of ``COLUMNS``."""
    pose = _pose(np.random.default_rng((*split.encode(), index)))
    rng = np.random.default_rng((*split.encode(), index, 1 + label))
    x, y = pose.grid()
    picture = _somebody(x, y, pose, rng)
    if label:
        picture = _swapped(picture, _somebody(x, y, pose, rng), x, y, rng.uniform(*COARSE))
    return picture, _face(x, y)


def draw_sample(root: Path) -> None:
    """Write ``root/SPLIT/CLASS/NN.jpg`` and ``root/faces.csv``."""
    rows = []
    for split, count in SPLITS.items():
        for label, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(count):
                picture, face = draw(split, label, index)
                path = folder / f"{index:02}.jpg"
                cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
                rows.append((path.relative_to(root).as_posix(), *(f"{value:.1f}" for value in face)))
    with (root / "faces.csv").open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows((COLUMNS, *rows))


def _pose(rng: np.random.Generator) -> Pose:
    return Pose(
        unit=rng.uniform(42.0, 52.0),
        shift=(rng.uniform(-0.25, 0.25), rng.uniform(-0.15, 0.20)),
        tilt=rng.normal(0.0, 0.07),
        turn=rng.uniform(-0.12, 0.12),
        wide=rng.uniform(0.90, 1.10),
    )


def _somebody(x: Map, y: Map, pose: Pose, rng: np.random.Generator) -> Pixels:
    """A person at random in this pose: uint8, BGR."""
    look = _look(rng)
    wall, glow = rng.uniform(0.02, 0.25, (2, 1)) * rng.uniform(0.5, 1.5, (2, 3))
    middle = rng.uniform(-1.5, 1.5, 2)
    backdrop = wall + glow * np.exp(-(((x - middle[0]) / 1.8) ** 2) - ((y - middle[1]) / 1.8) ** 2)[..., None]
    with patch.multiple(portrait, WIDTH=WIDTH, HEIGHT=HEIGHT, UNIT=pose.unit, **look):  # constants are what makes its person
        height, colour, gloss = portrait._body(x, y, rng)
        for layer in (portrait._ears, portrait._face, portrait._eyes, portrait._hair):
            height, colour, gloss = layer(x, y, height, colour, gloss, rng)
        light = portrait._lit(height, colour, gloss, backdrop.astype(np.float32))
        return portrait._developed(light * np.float32(rng.uniform(0.8, 1.25)), rng)


def _look(rng: np.random.Generator) -> dict[str, tuple[float, ...]]:
    """Colours and lights, by the renderer's names."""
    tone = rng.uniform(0, len(SKINS) - 1)
    skin = np.exp([np.interp(tone, range(len(SKINS)), np.log(channel)) for channel in SKINS.T]) * rng.uniform(0.92, 1.08, 3)
    side, lift = rng.choice((-1.0, 1.0)) * rng.uniform(0.2, 1.0), rng.uniform(-0.8, -0.2)
    look = {
        "SKIN": skin,
        "HAIR": HAIRS[rng.integers(len(HAIRS))] * rng.uniform(0.8, 1.2) * rng.uniform(0.95, 1.05, 3),
        "LIPS": skin * (0.60, 0.42, 0.70) * rng.uniform(0.85, 1.15, 3),
        "SWEATER": rng.uniform(0.02, 0.30, 3),
        "KEY": (side, lift, 0.72),
        "FILL": (-side, -0.05, 0.55),
    }
    return {name: tuple(map(float, value)) for name, value in look.items()}


def _swapped(picture: Pixels, other: Pixels, x: Map, y: Map, coarse: float) -> Pixels:
    """``picture`` with the face of ``other`` in it, from the brows to the chin."""
    few = cv2.resize(other, (round(WIDTH / coarse), round(HEIGHT / coarse)), interpolation=cv2.INTER_AREA)
    generated = cv2.resize(few, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    mask = portrait._step(1 - np.hypot(x / 0.76, (y - 0.28) / 0.82), 0.08)
    mask = cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blendLinear(generated, picture, mask, 1 - mask), np.uint8)


def _face(x: Map, y: Map) -> list[float]:
    """Box (x, y, width, height) and landmarks in pixels: where the grid has their places."""

    def pixel(place: tuple[float, float]) -> tuple[float, float]:
        row, column = np.unravel_index(np.argmin(np.hypot(x - place[0], y - place[1])), x.shape)
        return float(column) / FINE, float(row) / FINE

    left, top, right, bottom = BOX
    edges = np.array([pixel(middle) for middle in ((left, 0.0), (0.0, top), (right, 0.0), (0.0, bottom))])
    (x0, y0), (x1, y1) = edges.min(axis=0), edges.max(axis=0)
    return [x0, y0, x1 - x0, y1 - y0, *(value for landmark in LANDMARKS for value in pixel(landmark))]


if __name__ == "__main__":
    draw_sample(SAMPLE)
    files = list(SAMPLE.rglob("*.jpg"))
    print(f"{SAMPLE}: {len(files)} pictures, {sum(file.stat().st_size for file in files) / 1000:.0f} kB")

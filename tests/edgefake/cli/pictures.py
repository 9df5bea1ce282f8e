"""Drawn pictures, and how the tests of ``edgefake predict`` have them judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgefake.cli import main

KEYS = ["path", "picture", "pictures", "schema", "status", "verdict", "p_fake", "faces", "threshold", "thresholds", "prior"]
KEYS += ["timings", "model"]
PORTRAIT = Path(__file__).parents[2] / "images" / "portrait.jpg"
ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "edgefake", "predict", "--model", "cnn_int8", "--faces", "frame"]


def draw(path: Path, *, seed: int = 0) -> Path:
    """A textured picture that ``--faces frame`` scores."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 20, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.resize(noise, (100, 120), interpolation=cv2.INTER_CUBIC))
    return path


def draw_flat(path: Path) -> Path:
    """A grey picture that has no detail to score."""
    assert cv2.imwrite(str(path), np.full((90, 90, 3), 128, np.uint8))
    return path


def predict(*arguments: str | Path) -> int:
    return main(["predict", "--model", "cnn_int8", "--faces", "frame", *map(str, arguments)])


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]

"""What edgefake answers somewhere else – on other releases, on another processor – to be compared with what it answers here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgefake.models.store import read_registry
from tests.packed import ROOT

MODELS = [name for name, files in read_registry().items() if next(iter(files.values())).kind == "detector"]

RunPython = Callable[..., subprocess.CompletedProcess[str]]
"""A function that runs some Python with the arguments that it is given."""


def here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)


def answers(python: RunPython, portrait: Path, clip: Path) -> list[Any]:
    """What edgefake says of a picture, by every bundled model, and of a clip; each model replays its golden vectors before."""
    found = []
    for command in [*(["predict", str(portrait), "--model", name] for name in MODELS), ["video", str(clip)]]:
        done = python("-m", "edgefake", *command, "--json")
        assert done.returncode in (0, 1, 3), done.stderr  # real, fake, unsure
        found.append((done.returncode, _comparable(json.loads(done.stdout))))
    return found


def lossless_clip(portrait: Path, path: Path) -> Path:
    """Write 25 frames of a moving portrait in a codec that loses nothing: others are decoded differently by different FFmpegs."""
    frame = np.asarray(cv2.imread(str(portrait)), np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 25, (frame.shape[1], frame.shape[0]))
    for shift in range(25):
        writer.write(np.roll(frame, 2 * shift, axis=1))
    writer.release()
    return path


def _comparable(answer: Any) -> Any:
    """Without times, and without the seventh decimal of numbers."""
    if isinstance(answer, dict):
        return {key: _comparable(value) for key, value in answer.items() if key != "timings"}
    if isinstance(answer, list):
        return [_comparable(value) for value in answer]
    return round(answer, 6) if isinstance(answer, float) else answer

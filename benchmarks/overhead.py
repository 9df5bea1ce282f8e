"""What ``Detector.predict`` costs on top of the bare interpreter."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from benchmarks.goals import Goal
from benchmarks.timing import Timing, interleaved, timing
from edgefake import Box, Detector, InputError, Status

SIDE = 256
BOX = Box(48.0, 48.0, 160.0, 160.0)


@dataclass(frozen=True, slots=True)
class Overhead:
    """Latencies of one frame with a given face box, and of the interpreter alone on an input that is ready."""

    model: str
    runtime: str
    predict: Timing
    bare: Timing

    @property
    def goals(self) -> tuple[Goal, ...]:
        return (Goal("predict / bare interpreter (medians)", self.predict.median / self.bare.median, 1.10, "×"),)

    def __str__(self) -> str:
        rows = [f"{self.model} on {self.runtime}, {SIDE}×{SIDE} frame, given face box, {self.bare.runs} interleaved runs"]
        rows += [f"{'':<32}{'median':>9}{'p90':>9}{'p99':>9}  ms"]
        for name, t in (("Detector.predict", self.predict), ("set_tensor + invoke + get_tensor", self.bare)):
            rows.append(f"{name:<32}{t.median:9.3f}{t.p90:9.3f}{t.p99:9.3f}")
        return "\n".join(rows)


def measure_overhead(model: str | os.PathLike[str], *, runs: int = 1000) -> Overhead:
    """Time ``predict`` against bare calls of the very interpreter it uses, in turn."""
    frame = _frame()
    with Detector(model) as detector:
        # Reaches inside on purpose: two interpreters would each have their own idle threads spinning in the other's time.
        interpreter: Any = detector._runtime._interpreter  # type: ignore[attr-defined]
        source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]["index"]
        ready = np.array(interpreter.tensor(source["index"])())

        def bare() -> None:
            interpreter.set_tensor(source["index"], ready)
            interpreter.invoke()
            interpreter.get_tensor(result)

        def predict() -> None:
            detector.predict(frame, boxes=[BOX])

        status = detector.predict(frame, boxes=[BOX]).status
        if status is not Status.OK:
            raise InputError(f"expected the benchmark's frame to be scored by {detector.card.name}, its status is {status.value}")
        seconds = interleaved((predict, bare), runs=runs, warm_up=max(1, runs // 10))
        return Overhead(detector.card.name, detector.runtime, timing(seconds[0]), timing(seconds[1]))


def _frame() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A frame with detail at every scale, as a photo has."""
    rng = np.random.default_rng(0)
    layers = [cv2.resize(rng.normal(0, 40, (n, n, 3)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for n in (4, 16, 64, 256)]
    return np.clip(128 + sum(layers) / 2, 0, 255).astype(np.uint8)

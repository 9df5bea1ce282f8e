"""What ``Detector.predict`` costs on top of the bare interpreter, layer by layer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.allocations import Allocations, allocations
from benchmarks.goals import Goal
from benchmarks.layers import BARE, FACES, INCLUDES, INVOKING, LAYERS, PREDICT, SIDE, WHOLE, Stopwatch, layer_calls
from benchmarks.timing import interleaved, milliseconds
from edgefake import Detector
from edgefake.statistics import Summary

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cost:
    """What something takes per call."""

    name: str
    microseconds: float
    """Median of the runs."""
    allocations: Allocations | None
    """With those of the other layer that its call makes, unlike the time; None for a rest, which is no call."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """One frame with a given face box, one crop of just the input size, and the interpreter alone on an input that is ready."""

    model: str
    runtime: str
    predict: Summary
    predict_faces: Summary
    bare: Summary
    layers: tuple[Cost, ...]
    """Those of ``predict``, in its order, without ``invoke``: they add up to its ``beside_invoke``."""
    beside_invoke: tuple[Cost, ...]
    """Each of the three calls, without ``invoke``."""
    invoke: tuple[Cost, ...]
    """The floor, inside each of the three: it depends on the caches and threads that what ran before it left behind."""

    @property
    def goals(self) -> tuple[Goal, ...]:
        return (
            Goal("predict / bare interpreter (medians)", self.predict.median / self.bare.median, 1.10, "×"),
            Goal("predict_faces on a crop / bare interpreter", self.predict_faces.median / self.bare.median, 1.03, "×"),
        )

    def __str__(self) -> str:
        rows = [f"{self.model} on {self.runtime}, {SIDE}×{SIDE} frame, given face box, {self.bare.runs} interleaved runs"]
        rows += [f"{'':<36}{'median':>9}{'p90':>9}{'p99':>9}  ms"]
        for name, t in ((PREDICT, self.predict), (FACES, self.predict_faces), (BARE, self.bare)):
            rows.append(f"{name:<36}{t.median:9.3f}{t.p90:9.3f}{t.p99:9.3f}")
        parts = (("layers of predict", self.layers), ("all but invoke", self.beside_invoke), ("invoke", self.invoke))
        for title, costs in parts:
            rows += ["", f"{title:<36}{'median µs':>12}{'of bare':>10}{'blocks kept':>13}{'peak bytes':>13}"]
            rows += map(self._row, costs)
        return "\n".join(rows)

    def _row(self, cost: Cost) -> str:
        of_bare = cost.microseconds / (self.bare.median * 1e3)
        row = f"{cost.name:<36}{cost.microseconds:12.1f}{of_bare:10.2%}"
        if cost.allocations is None:
            return f"{row}{'–':>13}{'–':>13}"
        return f"{row}{cost.allocations.blocks:13}{cost.allocations.peak_bytes:13,}"


def measure_overhead(model: str | os.PathLike[str], *, runs: int = 1000) -> Overhead:
    """Time ``predict``, its layers and bare calls of the very interpreter it uses, in turn; then trace what each allocates."""
    with Detector(model) as detector:
        calls, stopwatch = layer_calls(detector), Stopwatch(detector)
        invoking: dict[str, list[float]] = {name: [] for name in INVOKING}
        timed = [stopwatch.noting(call, invoking[name]) if name in invoking else call for name, call in calls.items()]
        taken = interleaved(timed, runs=runs, warm_up=max(1, runs // 10))
        seconds = {name: np.array(times) for name, times in zip(calls, taken, strict=True)}
        invoke = {name: np.array(times[-runs:]) for name, times in invoking.items()}  # the warm-up does not count
        beside = {name: times - invoke.get(name, 0.0) for name, times in seconds.items()}
        memory, floor = {name: allocations(call) for name, call in calls.items()}, allocations(stopwatch.invoke)
        predict, faces, bare = (milliseconds(seconds[name].tolist()) for name in (PREDICT, FACES, BARE))
        return Overhead(
            model=detector.scorer.name,
            runtime=detector.runtime,
            predict=predict,
            predict_faces=faces,
            bare=bare,
            layers=_layers(beside, memory),
            beside_invoke=tuple(_cost(name, beside[name], memory[name]) for name in WHOLE),
            invoke=tuple(_cost(name, invoke[name], floor) for name in WHOLE),
        )


def _layers(beside: Mapping[str, Seconds], memory: Mapping[str, Allocations]) -> tuple[Cost, ...]:
    layers = [_cost(name, beside[name] - (beside[INCLUDES[name]] if name in INCLUDES else 0.0), memory[name]) for name in LAYERS]
    rest = _median(beside[PREDICT]) - sum(layer.microseconds for layer in layers)
    return (*layers, Cost("none of these", rest, None))


def _cost(name: str, seconds: Seconds, memory: Allocations) -> Cost:
    return Cost(name, _median(seconds), memory)


def _median(seconds: Seconds) -> float:
    return float(np.median(seconds)) * 1e6

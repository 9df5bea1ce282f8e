"""What finding faces costs: our own finder beside OpenCV's Haar cascade and YuNet, alone and in the whole job, in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

from benchmarks.goals import Goal
from benchmarks.timing import interleaved, milliseconds
from edgefake import Detector, Face, InputError
from edgefake.benchmark.picture import drawn_frame
from edgefake.faces.edge import EdgeFinder, open_finder
from edgefake.faces.haar import HaarFinder
from edgefake.faces.search import plan
from edgefake.faces.yunet import YuNetFinder
from edgefake.images import read_image
from edgefake.pixels import Pixels
from edgefake.statistics import Summary

FAST, FULL, HAAR = "edge, fast", "edge, full", "haar"
YUNET_SMALL, YUNET = "yunet at the size of fast", "yunet at 640"
FASTER = {"resnet18_int8": 2.3, "cnn_int8": 4.0}
"""How many times the whole job in a stream is to be as fast as with Haar."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Times on one frame, in milliseconds."""

    size: tuple[int, int]
    passes: tuple[int, int]
    """Runs of the network: fast, full."""
    faces: dict[str, int]
    """Found, by finder."""
    times: dict[str, Summary]
    """By finder; ``MODEL: FINDER`` is the whole job, from frame to verdict on every face that finder found."""

    @property
    def goals(self) -> tuple[Goal, ...]:
        def ratio(first: str, second: str) -> float:
            return self.times[first].median / self.times[second].median

        goals = [Goal("fast / haar", ratio(FAST, HAAR), 1 / 8, "×")]
        if YUNET_SMALL in self.times:
            goals.append(Goal("fast / yunet at the same size", ratio(FAST, YUNET_SMALL), 1.0, "×"))
        for model, faster in FASTER.items():
            haar = f"{model}: {HAAR}"
            goals.append(Goal(f"{model}, whole job: fast / haar", ratio(f"{model}: {FAST}", haar), 1 / faster, "×"))
            goals.append(Goal(f"{model}, whole job: full / haar", ratio(f"{model}: {FULL}", haar), 1.0, "×"))
        return tuple(goals)

    def __str__(self) -> str:
        width, height = self.size
        rows = [f"a frame of {width}×{height}; runs of the network: {self.passes[0]} fast, {self.passes[1]} full"]
        rows.append(f"{'':<44}{'faces':>8}{'median ms':>12}{'p90':>9}")
        for name, taken in self.times.items():
            faces = self.faces.get(name.rsplit(": ", 1)[-1], "")
            rows.append(f"{name:<44}{faces:>8}{taken.median:12.3f}{taken.p90:9.3f}")
        return "\n".join(rows)


def measure_finding(
    picture: Path | None, *, finder: str | None = None, yunet: Path | None = None, threads: int = 2, rounds: int = 100
) -> Finding:
    """Time all finders on one frame (None: a drawn one, 1280×720, with one face), each in ``rounds`` turns.

    ``finder`` is the file of our own, or its name; None: the bundled one.

    Raises ``InputError`` where Haar or our own finder finds no face in it, and what ``Detector`` raises.
    """
    frame = drawn_frame() if picture is None else read_image(picture)
    edge = open_finder(finder, num_threads=threads)
    searches = _searches(frame, edge, yunet)
    found = {name: search() for name, search in searches.items()}
    if missing := [name for name in (FAST, FULL, HAAR) if not found[name]]:
        raise InputError(f"{missing[0]} finds no face in {picture or 'the drawn frame'}: give a picture with faces that all find")
    detectors = [Detector(model, faces="frame", num_threads=threads) for model in FASTER]
    jobs: dict[str, Callable[[], object]] = dict(searches)
    for model, detector in zip(FASTER, detectors, strict=True):
        jobs |= {f"{model}: {name}": partial(_job, detector, frame, searches[name]) for name in (FAST, FULL, HAAR)}
    taken = interleaved(list(jobs.values()), runs=rounds, warm_up=max(3, rounds // 10))
    height, width = frame.shape[:2]
    for detector in detectors:
        detector.close()
    return Finding(
        size=(width, height),
        passes=_passes(edge, width, height),
        faces={name: len(faces) for name, faces in found.items()},
        times={name: milliseconds(seconds) for name, seconds in zip(jobs, taken, strict=True)},
    )


def _searches(frame: Pixels, edge: EdgeFinder, yunet: Path | None) -> dict[str, Callable[[], Sequence[Face]]]:
    found: dict[str, Callable[[], Sequence[Face]]] = {
        FAST: partial(edge.find_fast, frame),
        FULL: partial(edge.find, frame),
        HAAR: partial(HaarFinder().find, frame),
    }
    if yunet:
        finder, side = YuNetFinder(yunet), max(edge.card.height, edge.card.width)
        height, width = frame.shape[:2]
        scale = min(1.0, side / max(height, width))
        size = (round(width * scale), round(height * scale))
        found[YUNET_SMALL] = lambda: finder.find(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR))  # type: ignore[arg-type]
        found[YUNET] = partial(finder.find, frame)
    return found


def _job(detector: Detector, frame: Pixels, search: Callable[[], Sequence[Face]]) -> object:
    return detector.predict(frame, boxes=search())


def _passes(edge: EdgeFinder, width: int, height: int) -> tuple[int, int]:
    fast, full = (
        plan(width, height, input_width=edge.card.width, input_height=edge.card.height, find=find) for find in ("fast", "full")
    )
    return sum(len(level.tiles) for level in fast), sum(len(level.tiles) for level in full)

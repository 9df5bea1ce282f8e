"""What runs in a process of its own: one case is opened, measured or scored, and answered for through standard output."""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from edgefake.benchmark.accuracy import Accuracy, measure_accuracy
from edgefake.benchmark.conditions import Conditions, between, governor, moment
from edgefake.benchmark.energy import PowerLog, find_meter
from edgefake.benchmark.factory import made
from edgefake.benchmark.figures import in_order
from edgefake.benchmark.parallel import together
from edgefake.benchmark.repeat import repeated
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.faces import open_finder
from edgefake.images import read_image
from edgefake.pixels import Pixels
from edgefake.prediction import Status
from edgefake.scorer import CardScorer, Score, Scorer
from edgefake.system import available_cores, peak_memory_mb

STAGES = ("read", "find_faces", "preprocess", "infer", "post", "total")
"""Of the way from a picture file to a verdict. ``post`` is calibration, verdict and all that is in no other stage."""


SIDE = 256
"""Of the random faces that are scored, in pixels."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a process has to do."""

    model: Path | str
    """A file, or a factory (``module:function``)."""
    runtime: str
    device: str | int | None
    threads: int
    batch: int
    streams: int
    faces: str
    threshold: float | str | Path | None
    picture: Path | None
    """For the way from file to verdict; None leaves that out."""
    min_runs: int
    min_seconds: float
    data: Path | None = None
    """A labelled folder: it is scored, and nothing else done."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process measured."""

    runtime_version: str
    """As ``Detector.runtime`` tells it."""
    precision: str | None
    """None where it is no one model."""
    input_size: int
    import_s: float
    """Of ``from edgefake import Detector``, which brings NumPy and OpenCV."""
    load_s: float
    """Of making the first detector: the runtime is imported, the model loaded."""
    first_ms: float
    """Of the first inference."""
    infer_ms: tuple[tuple[float, ...], ...]
    """Per stream, of every call of its scorer for a batch of prepared faces, in order; of several, while all of them ran."""
    runs_done: float
    """By all streams in ``window_s``; a run that was only partly in it counts by that part."""
    window_s: float
    """How long all streams ran at once; of a single one, the time that its runs took."""
    stages_ms: dict[str, tuple[float, ...]]
    """Of every picture that was judged, by ``STAGES``; empty where that was left out."""
    is_steady: bool
    """Whether warm-up got there, in every stream."""
    peak_mb: float | None
    """Resident memory of the whole process, in 10⁶ bytes."""
    power_w: float | None
    """Mean while ``infer_ms`` was measured."""
    power_source: str | None
    conditions: Conditions

    @property
    def ms(self) -> list[float]:
        """``infer_ms`` of all streams."""
        return in_order(self.infer_ms)


def answer(import_s: float) -> None:
    """Do the pickled ``Job`` on standard input; pickle to standard output what it came to: Sample, Accuracy or EdgefakeError."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # whatever libraries print belongs elsewhere
        job: Job = pickle.load(sys.stdin.buffer)
        result: Sample | Accuracy | EdgefakeError
        try:
            result = _do(job, import_s)
        except EdgefakeError as error:
            result = error
        pickle.dump(result, out)


def _do(job: Job, import_s: float) -> Sample | Accuracy:
    with ExitStack() as opened:
        started = time.perf_counter()
        first = opened.enter_context(_detector(job))
        load_s = time.perf_counter() - started
        if job.data is not None:
            return measure_accuracy(first, job.data)
        others = [opened.enter_context(_detector(job)) for _ in range(job.streams - 1)]
        return _measure(job, [first, *others], import_s, load_s)


def _detector(job: Job) -> Detector:
    if isinstance(job.model, str):
        finder = open_finder(job.faces, num_threads=job.threads)  # a detector knows of no threads that a scorer has
        return Detector(made(job.model, job.threads), faces=finder, threshold=job.threshold)
    return Detector(
        job.model,
        runtime=job.runtime,
        device=job.device,
        faces=job.faces,
        threshold=job.threshold,
        num_threads=job.threads,
    )


def _measure(job: Job, detectors: Sequence[Detector], import_s: float, load_s: float) -> Sample:
    detector = detectors[0]
    card = detector.scorer.card if isinstance(detector.scorer, CardScorer) else None
    runtime = detector.runtime
    faces = np.random.default_rng(0).integers(0, 256, (job.streams, job.batch, SIDE, SIDE, 3), np.uint8)
    # The very scorers that predict uses, and what they take; each stream has faces of its own.
    crops = [[each.scorer.crop(face, None) for face in some] for each, some in zip(detectors, faces, strict=True)]
    streams = [partial(each.scorer.score, batch) for each, batch in zip(detectors, crops, strict=True)]
    started = time.perf_counter()
    streams[0]()
    first_ms = 1e3 * (time.perf_counter() - started)

    meter = find_meter()
    power = PowerLog(meter)
    load = os.getloadavg()[0]
    before = moment()
    runs = together(streams, min_runs=job.min_runs, min_seconds=job.min_seconds, meanwhile=power.sample)
    stages = _stages(job, detector, job.picture) if job.picture else {}
    return Sample(
        runtime_version=runtime,
        precision=None if card is None else card.precision,
        input_size=len(crops[0][0]),
        import_s=round(import_s, 4),
        load_s=round(load_s, 4),
        first_ms=round(first_ms, 3),
        infer_ms=runs.ms,
        runs_done=round(runs.runs_done, 4),
        window_s=round(runs.window_s, 7),
        stages_ms=stages,
        is_steady=runs.is_steady,
        peak_mb=peak_memory_mb(),
        power_w=power.mean_w(),
        power_source=meter.source if meter else None,
        conditions=between(before, moment(), cores=available_cores(), load=load, governor=governor()),
    )


def _stages(job: Job, detector: Detector, picture: Path) -> dict[str, tuple[float, ...]]:
    """Judge the picture again and again, as ``edgefake predict`` does."""
    prediction = detector.predict(read_image(picture))
    if prediction.status is not Status.OK:
        raise InputError(f"no face in {picture} can be scored ({prediction.status.value}): give another --picture")
    detector.scorer = timed = _TimedScorer(detector.scorer)
    laps: list[dict[str, float]] = []

    def judge() -> None:
        started = time.perf_counter()
        frame = read_image(picture)
        read = 1e3 * (time.perf_counter() - started)
        timings = detector.predict(frame).timings
        total = 1e3 * (time.perf_counter() - started)
        known = {"read": read, "find_faces": timings.find_faces, "preprocess": timings.preprocess, "infer": timed.last_ms}
        laps.append({**known, "post": total - sum(known.values()), "total": total})

    count = len(repeated(judge, min_runs=max(1, job.min_runs // 5), min_seconds=job.min_seconds / 2).ms)
    return {stage: tuple(round(lap[stage], 5) for lap in laps[-count:]) for stage in STAGES}


class _TimedScorer:
    """A scorer that notes how long each call took. See ``edgefake.scorer.Scorer``."""

    def __init__(self, scorer: Scorer) -> None:
        self.name, self.threshold, self.crop_margin = scorer.name, scorer.threshold, scorer.crop_margin
        self.crop, self.close = scorer.crop, scorer.close
        self._scorer = scorer
        self.last_ms = 0.0

    def score(self, crops: Sequence[Pixels]) -> list[Score]:
        started = time.perf_counter()
        scores = self._scorer.score(crops)
        self.last_ms = 1e3 * (time.perf_counter() - started)
        return scores

"""Measuring a plan: every case in several fresh processes, in turn."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from edgefake.benchmark.accuracy import Accuracy, labelled_pictures
from edgefake.benchmark.isolated import measured, scored
from edgefake.benchmark.machine import this_machine
from edgefake.benchmark.picture import drawn_frame
from edgefake.benchmark.plan import Case, Left, Plan, Settings, sha256_of
from edgefake.benchmark.report import Report, Row
from edgefake.benchmark.worker import Job, Sample
from edgefake.errors import BackendError, EdgefakeError
from edgefake.faces import open_finder
from edgefake.images import read_image, write_image


def run(plan: Plan, settings: Settings, *, progress: Callable[[str], object] = lambda text: None) -> Report:
    """Measure all of ``plan``. A case that cannot be measured is listed with its reason; Ctrl-C ends it with what there is.

    ``progress`` is told what happens next. Raises ``InputError`` for settings that no case could be measured with.
    """
    _check_faces(settings.faces)
    if settings.data:
        labelled_pictures(settings.data)
    outcome = _Outcome(plan)
    started = datetime.now(timezone.utc)
    with tempfile.TemporaryDirectory(prefix="edgefake_benchmark_") as folder:
        picture = settings.picture
        if picture is None:
            picture = Path(folder) / "drawn.jpg"
            write_image(picture, drawn_frame())
        else:
            read_image(picture)  # told at once
        try:
            outcome.measure(settings, picture, progress)
            is_interrupted = False
        except KeyboardInterrupt:
            is_interrupted = True
    return Report(
        started=started.isoformat(timespec="seconds"),
        interrupted=is_interrupted,
        settings=settings,
        machine=this_machine(),
        rows=outcome.rows(),
        skipped=(*plan.skipped, *outcome.skipped),
        failed=tuple(outcome.failed),
    )


class _Outcome:
    """What is known so far."""

    def __init__(self, plan: Plan) -> None:
        self.skipped: list[Left] = []
        self.failed: list[Left] = []
        self._samples: dict[Case, list[Sample]] = {case: [] for case in plan.cases}
        self._accuracy: dict[tuple[str, str], Accuracy] = {}

    def measure(self, settings: Settings, picture: Path, progress: Callable[[str], object]) -> None:
        for process in range(1, settings.processes + 1):
            for case in list(self._samples):
                if case not in self._samples:
                    continue  # given up with another one
                progress(f"process {process} of {settings.processes}: {case}")
                try:
                    self._samples[case].append(measured(_job(case, settings, picture)))
                except EdgefakeError as error:
                    self._give_up(case, error)
        for model, where in dict.fromkeys((case.model, case.where) for case in self._samples) if settings.data else ():
            progress(f"accuracy: {model} on {where}")
            case = next(case for case in self._samples if (case.model, case.where) == (model, where))
            try:
                self._accuracy[model, where] = scored(_job(case, settings, picture, data=settings.data))
            except EdgefakeError as error:
                self.failed.append(Left(f"accuracy of {model} on {where}", str(error)))

    def rows(self) -> tuple[Row, ...]:
        return tuple(_row(case, samples, self._accuracy) for case, samples in self._samples.items() if samples)

    def _give_up(self, case: Case, error: EdgefakeError) -> None:
        """Anything but a missing runtime, which no case could use, is a failure. The samples that there are stay."""
        alike = [other for other in self._samples if (other.model, other.where) == (case.model, case.where)]
        if self._samples[case]:
            self.failed.append(Left(f"a process of {case}", str(error)))
        elif isinstance(error, BackendError) and not any(self._samples[other] for other in alike):
            self.skipped.append(Left(f"{case.model} on {case.where}", str(error)))
            for other in alike:
                del self._samples[other]
        else:
            self.failed.append(Left(str(case), str(error)))
            del self._samples[case]


def _check_faces(faces: str) -> None:
    """Raise what is wrong with ``faces``, whatever executes it: of a runtime that is not here each case tells."""
    with suppress(BackendError):
        finder = open_finder(faces)
        getattr(finder, "close", lambda: None)()


def _job(case: Case, settings: Settings, picture: Path, *, data: Path | None = None) -> Job:
    return Job(
        model=case.model if case.path is None else case.path,
        runtime=case.runtime,
        device=case.device,
        threads=case.threads,
        batch=case.batch,
        streams=case.streams,
        faces=settings.faces,
        threshold=settings.threshold,
        picture=picture if case.batch == case.streams == 1 else None,
        min_runs=math.ceil(settings.runs / settings.processes),
        min_seconds=settings.seconds / settings.processes,
        data=data,
    )


def _row(case: Case, samples: list[Sample], accuracy: dict[tuple[str, str], Accuracy]) -> Row:
    return Row(
        case=case,
        size=None if case.path is None else case.path.stat().st_size,
        sha256=None if case.path is None else sha256_of(case.path),
        samples=tuple(samples),
        accuracy=accuracy.get((case.model, case.where)),
    )

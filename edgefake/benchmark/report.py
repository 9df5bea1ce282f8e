"""The outcome of a benchmark: JSON with every run in it, and Markdown for people."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgefake.benchmark.accuracy import Accuracy
from edgefake.benchmark.figures import Latency, latency
from edgefake.benchmark.machine import Machine
from edgefake.benchmark.plan import Case, Left, Settings
from edgefake.benchmark.stability import warnings
from edgefake.benchmark.worker import STAGES, Sample
from edgefake.statistics import Interval
from edgefake.tables import markdown_table

SCHEMA = 3
"""Of 3: ``runtime`` was ``backend``, ``device`` was part of its name, and ``runtime_version`` was ``runtime``."""
NOT_AVAILABLE = "not available"


@dataclass(frozen=True, slots=True)
class Row:
    """One case and what its processes measured."""

    case: Case
    size: int | None
    """Of the model file, in bytes."""
    sha256: str | None
    samples: tuple[Sample, ...]
    """At least one."""
    accuracy: Accuracy | None
    """Of this file on this runtime, whatever the threads, the batch and the streams."""
    latency: Latency = field(init=False)
    """Of one inference with a whole batch; of several streams together, while all of them ran."""
    verdict: Latency | None = field(init=False)
    """Of the whole way from a picture file to its verdict; None for batches and several streams."""

    def __post_init__(self) -> None:  # once: intervals take a while
        object.__setattr__(self, "latency", latency([sample.ms for sample in self.samples]))
        totals = [sample.stages_ms["total"] for sample in self.samples if sample.stages_ms]
        object.__setattr__(self, "verdict", latency(totals) if totals else None)

    @property
    def faces_per_second(self) -> float:
        """Of all streams together."""
        return self.case.batch * sum(s.runs_done for s in self.samples) / sum(s.window_s for s in self.samples)

    @property
    def peak_mb(self) -> float | None:
        return max((sample.peak_mb for sample in self.samples if sample.peak_mb is not None), default=None)

    @property
    def power_w(self) -> float | None:
        known = [sample.power_w for sample in self.samples if sample.power_w is not None]
        return statistics.fmean(known) if known else None

    @property
    def energy_mj(self) -> float | None:
        """What the device takes per face, in millijoules: all of it, idle power included."""
        return None if self.power_w is None else 1e3 * self.power_w / self.faces_per_second

    @property
    def temperature_c(self) -> float | None:
        """The highest that was read."""
        ends = [sample.conditions.end_c for sample in self.samples]
        return max((end for end in ends if end is not None), default=None)

    def cold_start(self) -> dict[str, float]:
        """Medians over the processes: import of edgefake and loading of the model in seconds, the first inference in ms."""
        names = ("import_s", "load_s", "first_ms")
        return {name: statistics.median(getattr(sample, name) for sample in self.samples) for name in names}

    def stages(self) -> dict[str, float]:
        """Medians on the way from picture file to verdict, in milliseconds; empty for batches and several streams."""
        known = [sample.stages_ms for sample in self.samples if sample.stages_ms]
        return {stage: statistics.median(ms for stages in known for ms in stages[stage]) for stage in STAGES if known}

    def to_dict(self) -> dict[str, Any]:
        first, case = self.samples[0], self.case
        return {
            "model": case.model,
            "precision": first.precision,
            "input_size": first.input_size,
            "runtime": case.runtime,
            "device": case.device,
            "runtime_version": first.runtime_version,
            **case.numbers,
            "file": self.case.path and {"bytes": self.size, "sha256": self.sha256},
            "latency_ms": self.latency.to_dict(),
            "faces_per_second": self.faces_per_second,
            "verdict_ms": self.verdict and self.verdict.to_dict(),
            "stages_ms": self.stages(),
            "cold_start": self.cold_start(),
            "peak_mb": self.peak_mb,
            "power_w": self.power_w,
            "energy_mj_per_face": self.energy_mj,
            "temperature_c": self.temperature_c,
            "accuracy": self.accuracy and dataclasses.asdict(self.accuracy),
            "warnings": warnings(self.samples, case),
            "processes": [dataclasses.asdict(sample) for sample in self.samples],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. What could not be measured is listed with the reason."""

    started: str
    """UTC, ISO 8601."""
    interrupted: bool
    settings: Settings
    machine: Machine
    rows: tuple[Row, ...]
    skipped: tuple[Left, ...]
    """There is no such file or runtime here."""
    failed: tuple[Left, ...]

    def to_json(self) -> str:
        """One line; figures that a device does not give are null."""
        settings = dataclasses.asdict(self.settings)
        for name in ("faces", "picture", "data"):  # names tell enough, and nothing of whose folders they lie in
            settings[name] = settings[name] and Path(settings[name]).name
        if isinstance(self.settings.threshold, Path):
            settings["threshold"] = self.settings.threshold.name
        value = {
            "schema": SCHEMA,
            "tool": "edgefake benchmark",
            "started": self.started,
            "interrupted": self.interrupted,
            "settings": settings,
            "machine": {**dataclasses.asdict(self.machine), "fingerprint": self.machine.fingerprint},
            "rows": [row.to_dict() for row in self.rows],
            "skipped": [dataclasses.asdict(left) for left in self.skipped],
            "failed": [dataclasses.asdict(left) for left in self.failed],
        }
        return json.dumps(value, allow_nan=False)

    def to_markdown(self) -> str:
        return "\n".join(_lines(self))


Column = tuple[str, Callable[[Row], str]]

_CASE: tuple[Column, ...] = (
    ("model", lambda row: row.case.model),
    ("runtime", lambda row: row.case.where),
    ("threads", lambda row: str(row.case.threads)),
    ("batch", lambda row: str(row.case.batch)),
)
_STREAMS: Column = ("streams", lambda row: str(row.case.streams))


def _lines(report: Report) -> Iterator[str]:
    rows, settings = report.rows, report.settings
    if report.interrupted:
        yield "**Interrupted: not every case was measured, or not as often as asked for.**\n"
    yield f"{report.machine}; {report.started}\n"
    if not rows:
        yield "Nothing was measured.\n"
    else:
        several = any(row.case.streams > 1 for row in rows)
        case = (*_CASE, _STREAMS) if several else _CASE  # tables should fit a terminal
        of_all = "; faces/s is of all streams together" if several else ""
        yield f"Inference on prepared faces, ms per batch (median with its 95 % confidence interval{of_all})\n"
        yield from _table((*case, *_LATENCY, *(_ACCURACY if any(row.accuracy for row in rows) else ())), rows)
        if judged := [row for row in rows if row.verdict]:
            yield f"\nFrom file to verdict, medians in ms ({_picture(settings)})\n"
            yield from _table((*_CASE, *_STAGES), judged)
        partly = "; frames and the search for faces are in peak MB only where file to verdict was measured"
        yield f"\nCold start (medians) and cost{partly if len(judged) < len(rows) else ''}\n"
        yield from _table((*case, *_COST), rows)
        yield ""
    for row in rows:
        yield from (f"- warning: {row.case}: {warning}" for warning in warnings(row.samples, row.case))
    yield from (f"- skipped: {left.what}: {left.why}" for left in report.skipped)
    yield from (f"- failed: {left.what}: {left.why}" for left in report.failed)
    yield from dict.fromkeys(_scored(row.accuracy) for row in rows if row.accuracy)
    for source in dict.fromkeys(sample.power_source for row in rows for sample in row.samples if sample.power_source):
        yield f"- energy: {source}; all that the device took, idle power included"


_LATENCY: tuple[Column, ...] = (
    ("median", lambda row: _interval_ms(row.latency.median)),
    ("p90", lambda row: _ms(row.latency.summary.p90)),
    ("p95", lambda row: _ms(row.latency.summary.p95)),
    ("p99", lambda row: _ms(row.latency.summary.p99)),
    ("max", lambda row: _ms(row.latency.summary.max)),
    ("faces/s", lambda row: f"{row.faces_per_second:.0f}"),
)
_ACCURACY: tuple[Column, ...] = (
    ("AUC", lambda row: f"{row.accuracy.auc:.3f}" if row.accuracy else NOT_AVAILABLE),
    ("balanced accuracy", lambda row: f"{row.accuracy.balanced_accuracy:.3f}" if row.accuracy else NOT_AVAILABLE),
)
_COST: tuple[Column, ...] = (
    ("precision", lambda row: f"{row.samples[0].precision or NOT_AVAILABLE} {row.samples[0].input_size} px"),
    ("file MB", lambda row: _known(row.size and row.size / 1e6, ".1f")),
    ("import s", lambda row: f"{row.cold_start()['import_s']:.2f}"),
    ("load s", lambda row: f"{row.cold_start()['load_s']:.2f}"),
    ("first ms", lambda row: f"{row.cold_start()['first_ms']:.1f}"),
    ("peak MB", lambda row: _known(row.peak_mb, ".0f")),
    ("mJ/face", lambda row: _known(row.energy_mj, ".1f")),
    ("°C", lambda row: _known(row.temperature_c, ".0f")),
)


def _stage(name: str) -> Column:
    return name.replace("_", " "), lambda row: _ms(row.stages()[name])


_STAGES = tuple(_stage(name) for name in STAGES)


def _scored(accuracy: Accuracy) -> str:
    counts = f"- accuracy: {accuracy.real} real and {accuracy.fake} fake faces of {accuracy.data}"
    if accuracy.unscored:
        counts += f"; {accuracy.unscored} pictures without a face that could be scored are left out"
    return counts + (f"; {accuracy.unsure} verdicts are unsure and count as wrong" if accuracy.unsure else "")


def _picture(settings: Settings) -> str:
    picture = settings.picture.name if settings.picture else "a drawn 1280×720 JPEG"
    return f"{picture}; faces: {Path(settings.faces).name}"


def _table(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    return markdown_table([name for name, _ in columns], [[cell(row) for _, cell in columns] for row in rows])


def _interval_ms(figure: Interval) -> str:
    return f"{_ms(figure.value)} [{_ms(figure.low)}, {_ms(figure.high)}]"


def _ms(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.2f}"


def _known(value: float | None, form: str) -> str:
    return NOT_AVAILABLE if value is None else f"{value:{form}}"

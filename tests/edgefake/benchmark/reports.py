"""Reports of given latencies."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from edgefake.benchmark.accuracy import Accuracy
from edgefake.benchmark.conditions import Conditions
from edgefake.benchmark.machine import this_machine
from edgefake.benchmark.plan import Case, Left, Settings
from edgefake.benchmark.report import Report, Row
from edgefake.benchmark.worker import STAGES, Sample

CALM = Conditions(
    cores=4, governor=None, load=0.1, others_cores=0.0, stolen_cores=0.0, throttling=(), slept_s=0.0, start_c=None, end_c=None
)


def sample(ms: Sequence[float], *others: Sequence[float], stages: bool = True, **changes: object) -> Sample:
    """What a process on a calm machine measured: ``ms`` of each stream, and ten times as long from file to verdict of one."""
    streams = (ms, *others)
    made = Sample(
        runtime_version="tflite (ai-edge-litert 2.3.0)",
        precision="int8",
        input_size=160,
        import_s=0.3,
        load_s=0.1,
        first_ms=5.0,
        infer_ms=tuple(map(tuple, streams)),
        runs_done=sum(map(len, streams)),
        window_s=max(map(sum, streams)) / 1e3,
        stages_ms={stage: tuple(10 * each for each in ms) for stage in STAGES} if stages and not others else {},
        is_steady=True,
        peak_mb=100.0,
        power_w=None,
        power_source=None,
        conditions=CALM,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def row(
    *samples: Sample, model: str = "small", threads: int = 1, batch: int = 1, streams: int = 1, accuracy: Accuracy | None = None
) -> Row:
    """Without ``samples``, two calm processes of one stream."""
    case = Case(model, "tflite", None, threads, batch, streams, Path(f"{model}.tflite"))
    return Row(case, 1_000_000, "00", samples or (sample([2.0, 2.0]), sample([2.0, 2.0])), accuracy)


def report(*rows: Row, interrupted: bool = False, skipped: tuple[Left, ...] = (), failed: tuple[Left, ...] = ()) -> Report:
    return Report("2026-01-01T00:00:00+00:00", interrupted, Settings(), this_machine(), rows, skipped, failed)

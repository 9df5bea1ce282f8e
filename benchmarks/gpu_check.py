"""``python -m benchmarks.gpu_check MODEL…``: TensorRT on the GPU of this machine, against TFLite on its CPU.

For each model: builds the engine (every product must come out in INT8, the golden vectors must be met), loads it again from the
cache, compares verdicts on a folder of pictures of faces, and measures the latency of the runtime, copies included.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.goals import Goal
from benchmarks.timing import interleaved, milliseconds
from edgefake.cli.parser import Parser
from edgefake.cli.run import run_command
from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.errors import InputError
from edgefake.faces.frame import whole_frame
from edgefake.files import write_json
from edgefake.images import find_images, read_image
from edgefake.models.card import ModelCard
from edgefake.models.file import ModelFile, require_card
from edgefake.models.store import find_model, open_model
from edgefake.pixels import Pixels
from edgefake.preprocessing import coloured, face_pixels
from edgefake.runtimes import Runtime, open_runtime
from edgefake.schema import SCHEMA
from edgefake.statistics import Summary
from edgefake.tables import markdown_table

BATCH = 16


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two runtimes' p_fake on the same faces are apart."""

    faces: int
    differing_verdicts: int
    mean: float
    largest: float


@dataclass(frozen=True, slots=True)
class GpuCheck:
    """What one model did."""

    model: str
    gpu: str
    capability: str
    runtime: str
    build_seconds: float
    load_seconds: float
    int8_layers: int
    golden_error: float
    golden_tolerance: float
    agreement: Agreement | None
    one_face: Summary
    sixteen_faces: Summary
    tflite_one_face: Summary

    @property
    def goals(self) -> tuple[Goal, ...]:
        if self.agreement is None:
            return ()
        differing = 100 * self.agreement.differing_verdicts / self.agreement.faces
        return (
            Goal(f"{self.model}: verdicts that differ from TFLite's", differing, 0.5, "%"),
            Goal(f"{self.model}: mean |Δp| to TFLite", self.agreement.mean, 0.01, ""),
        )


def check_gpu(model: str, pictures: Sequence[Path], *, runs: int) -> GpuCheck:
    """Build, check and time ``model`` (a name, or an ``.onnx`` with its ``.tflite`` beside it). Raises ``EdgefakeError``."""
    from edgefake.runtimes.tensorrt.engines import prepare

    file = open_model(model, suffix=".onnx")
    card = require_card(file)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        built = prepare(file, folder=Path(folder))
        build_seconds = time.perf_counter() - started
        built.runtime.close()
        started = time.perf_counter()
        loaded = prepare(file, folder=Path(folder))
        load_seconds = time.perf_counter() - started
    tflite = find_model(model) if Path(model).suffix != ".onnx" else file.path.with_suffix(".tflite")
    same = dataclasses.replace(card, payload_sha256=None)  # which is of the .onnx
    reference = open_runtime(ModelFile(tflite, same), same.input_spec, name="tflite", num_threads=2)
    faces = _faces(pictures, card)
    gpu, origin = loaded.runtime, built.sidecar.origin
    one, many = (faces[:1], np.resize(faces, (BATCH, *faces.shape[1:]))) if len(faces) else (_grey(card, 1), _grey(card, BATCH))
    tests = (lambda: gpu.run(one), lambda: gpu.run(many), lambda: reference.run(one))
    seconds = interleaved(tests, runs=runs, warm_up=max(10, runs // 10))
    check = GpuCheck(
        card.name,
        origin.gpu,
        origin.capability,
        gpu.name,
        build_seconds,
        load_seconds,
        built.sidecar.int8_layers,
        built.sidecar.golden_error,
        card.golden_tolerance,
        _agreement(gpu, reference, faces, card) if len(faces) else None,
        *map(milliseconds, seconds),
    )
    gpu.close()
    reference.close()
    return check


def _faces(pictures: Sequence[Path], card: ModelCard) -> Pixels:
    """Model inputs (N, S, S, 3) of whole pictures."""
    size = card.side
    faces = np.empty((len(pictures), size, size, 3), np.uint8)
    for face, picture in zip(faces, pictures, strict=True):
        frame = read_image(picture)
        face[:] = face_pixels(frame, whole_frame(frame), size=size, margin=0.0)
    return coloured(faces, card.colour_order)


def _grey(card: ModelCard, count: int) -> Pixels:
    return np.full((count, card.height, card.width, 3), 128, np.uint8)


def _agreement(first: Runtime, second: Runtime, faces: Pixels, card: ModelCard) -> Agreement:
    batches = [faces[start : start + 100] for start in range(0, len(faces), 100)]
    p, q = (
        np.concatenate([card.p_fake(card.one_output(runtime.run(batch)[0])) for batch in batches]) for runtime in (first, second)
    )
    threshold = card.threshold(DEFAULT_THRESHOLD)
    difference = np.abs(p - q)
    differing = int(np.sum((p >= threshold) != (q >= threshold)))
    return Agreement(len(faces), differing, float(difference.mean()), float(difference.max()))


_COLUMNS = (
    *("model", "build s", "load s", "INT8 layers", "golden error", "verdicts differ", "mean Δp", "max Δp"),
    *("1 face ms", "p90", "p99", "16 faces ms", "TFLite 1 face ms"),
)


def table(checks: Sequence[GpuCheck]) -> str:
    """One Markdown table, a row per model; latencies are medians unless named otherwise."""
    first = checks[0]
    head = f"{first.gpu} (compute capability {first.capability}), {first.runtime}:\n\n"
    return head + "\n".join(markdown_table(_COLUMNS, map(_row, checks)))


def _row(check: GpuCheck) -> list[str]:
    found = check.agreement
    agreement = (
        [f"{found.differing_verdicts} of {found.faces}", f"{found.mean:.4f}", f"{found.largest:.4f}"] if found else ["-"] * 3
    )
    one = check.one_face
    return [
        check.model,
        f"{check.build_seconds:.1f}",
        f"{check.load_seconds:.2f}",
        str(check.int8_layers),
        f"{check.golden_error:.3g} (≤ {check.golden_tolerance:.3g})",
        *agreement,
        *(f"{value:.3f}" for value in (one.median, one.p90, one.p99, check.sixteen_faces.median, check.tflite_one_face.median)),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """0 all agree, 1 a goal was missed, 2 it could not be measured (no GPU, no TensorRT …)."""
    parser = Parser(prog="python -m benchmarks.gpu_check", description=__doc__, epilog=main.__doc__)
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="a name, or an .onnx file with the .tflite of that name beside it"
    )
    parser.add_argument(
        "--images", metavar="DIR", help="pictures of faces, cut out as the model expects them, for the comparison"
    )
    parser.add_argument("--runs", type=int, default=500, help="timed runs (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures there as well")
    parser.set_defaults(action=_run)
    return run_command(parser, argv)


def _run(options: argparse.Namespace) -> int:
    if options.runs < 1:
        raise InputError(f"--runs must be at least 1, got {options.runs}")
    pictures = find_images(options.images) if options.images else []
    checks = [check_gpu(model, pictures, runs=options.runs) for model in options.models]
    goals = [goal for check in checks for goal in check.goals]
    print(table(checks), *goals, sep="\n")
    if options.json:
        write_json(options.json, {"schema": SCHEMA, "checks": [dataclasses.asdict(check) for check in checks]})
    return 0 if all(goal.met for goal in goals) else 1


if __name__ == "__main__":
    sys.exit(main())

"""From a QAT run to finished model files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from convert.card import Origin, complete
from convert.graph import read_graph
from convert.tflite import float_tflite, int8_tflite
from edgefake.errors import EdgefakeError, InputError
from edgefake.model_card import ModelCard
from training.device import on_device
from training.qat import folded_model, quantized_model
from training.runs import Run, float_parent, read_run
from training.samples import Sample

Precision = Literal["int8", "float32", "float16"]
SUFFIXES: dict[Precision, str] = {"int8": "int8", "float32": "fp32", "float16": "fp16"}


class ConversionError(EdgefakeError):
    """The converted graph is not what the device needs."""


def build_tflite(qat_run: Path, out: Path, *, name: str | None, data: str, licence: str) -> dict[Path, ModelCard]:
    """Write ``NAME_int8.tflite``, ``NAME_fp32.tflite`` and ``NAME_fp16.tflite`` into ``out``; the cards by file.

    Calibration and thresholds are fitted on the run's validation samples; every split that the run has not seen is reported on.
    Raises ``ConversionError`` when the INT8 graph is not fully INT8 in one XNNPACK partition.
    """
    run, float_checkpoint = _qat_run(qat_run)
    origin = Origin(run, float_checkpoint, data, licence, _commands(run))
    _, validation = run.training_samples()
    reports = _report_samples(run, data)
    out.mkdir(parents=True, exist_ok=True)
    cards = {}
    for precision, suffix in SUFFIXES.items():
        full_name = f"{name or run.recipe}_{suffix}"
        partial, final = out / f"{full_name}.partial.tflite", out / f"{full_name}.tflite"
        try:
            partial.write_bytes(_convert(run, qat_run / "best.h5", float_checkpoint, precision))
            if precision == "int8":
                faults = on_device(read_graph, partial).faults()
                if faults:
                    raise ConversionError(f"the INT8 graph of {run.recipe} is not fit for the device: {'; '.join(faults)}")
            cards[final] = complete(partial, full_name, precision, origin, validation, reports)
            os.replace(partial, final)
        finally:
            partial.unlink(missing_ok=True)
    return cards


def _qat_run(folder: Path) -> tuple[Run, Path]:
    run = read_run(folder)
    if not run.is_qat:
        raise InputError(f"{folder} is a float run: fine-tune it first with python -m training qat {folder} --run …")
    return run, float_parent(run)


def _convert(run: Run, qat_checkpoint: Path, float_checkpoint: Path, precision: Precision) -> bytes:
    if precision == "int8":
        return int8_tflite(quantized_model(run, qat_checkpoint), size=run.size)
    return float_tflite(folded_model(run, float_checkpoint), size=run.size, precision=precision)


def _report_samples(run: Run, data: str) -> dict[str, list[Sample]]:
    """The size-matched faces of every split that the run has not seen, by data set name."""
    samples = [s for s in run.samples() if s.size_matched]
    splits = {split: [s for s in samples if s.split == split] for split in run.report_splits()}
    return {f"{data} {split}": found for split, found in splits.items() if found}


def _commands(run: Run) -> tuple[str, ...]:
    """The commands that made this model, first to last: a run may have started from another's weights."""
    parent = Path(run.weights).parent
    earlier = _commands(read_run(parent)) if (parent / "run.json").exists() else ()
    return (*earlier, run.command)

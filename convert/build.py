"""From a trained detector to finished model files."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from convert.card import bare_card, complete
from convert.graph import read_graph
from convert.source import Source, report_samples
from convert.tflite import float_tflite, int8_tflite, post_training_tflite
from edgefake.errors import EdgefakeError
from edgefake.files import write_atomically
from edgefake.models.card import ModelCard
from training.batches import readable
from training.device import on_device
from training.qat import calibration_faces

Precision = Literal["int8", "float32", "float16"]
SUFFIXES: dict[Precision, str] = {"int8": "int8", "float32": "fp32", "float16": "fp16"}


class ConversionError(EdgefakeError):
    """The converted graph is not what the device needs."""


def build_tflite(
    source: Source, out: Path, *, name: str | None, data: str, licence: str, failed: dict[str, str] | None = None
) -> dict[Path, ModelCard]:
    """Write ``NAME_int8.tflite``, ``NAME_fp32.tflite`` and ``NAME_fp16.tflite`` into ``out``; the cards by file.

    Calibration and thresholds are fitted on the run's validation samples; every split that the run has not seen is reported on.
    Raises ``ConversionError`` when the INT8 graph is not fully INT8 in one XNNPACK partition; after post-training quantization
    that is a warning on stderr. With ``failed``, a form that cannot be made is noted there with the reason, and the others are
    made.
    """
    run = source.run
    validation = readable(run.training_samples()[1])
    reports = report_samples(run, data)
    out.mkdir(parents=True, exist_ok=True)
    cards = {}
    for precision, suffix in SUFFIXES.items():
        full_name = f"{name or run.recipe}_{suffix}"
        final = out / f"{full_name}.tflite"
        try:
            with TemporaryDirectory() as folder:  # what a kill leaves does not lie beside the models
                unfinished = Path(folder) / final.name
                unfinished.write_bytes(_convert(source, precision))
                if precision == "int8":
                    _check_graph(unfinished, source)
                bare = bare_card(full_name, precision, source, data, licence)
                cards[final] = complete(unfinished, bare, validation, reports)
                write_atomically(final, unfinished.read_bytes())
        except EdgefakeError as error:
            if failed is None:
                raise
            failed[final.name] = str(error)
    return cards


def _convert(source: Source, precision: Precision) -> bytes:
    size = source.run.size
    if precision != "int8":
        return float_tflite(source.float_model, size=size, precision=precision)
    if not source.post_training:
        return int8_tflite(source.int8_model, size=size)
    train, _ = source.run.training_samples()
    return post_training_tflite(source.int8_model, calibration_faces(source.run, readable(train)), size=size)


def _check_graph(path: Path, source: Source) -> None:
    """Raise ``ConversionError`` for an INT8 graph that is not fit for the device; post-training quantization may leave some."""
    graph = on_device(read_graph, path)
    if source.post_training:
        for fault in graph.faults(symmetric=False):
            print(f"warning: {fault}, which makes it slower", file=sys.stderr)
    elif faults := graph.faults():
        raise ConversionError(f"the INT8 graph of {source.run.recipe} is not fit for the device: {'; '.join(faults)}")

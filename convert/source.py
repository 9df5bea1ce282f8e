"""What is converted: a trained run, or a user's detector as it is."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from convert.tflite import output_names
from edgefake.errors import InputError
from edgefake.models.file import ModelFile
from edgefake.pixels import Pixels
from edgefake.preprocessing import to_float
from edgefake.runtimes import Outputs
from training.batches import all_pixels, readable
from training.loop import all_outputs, logits
from training.own.head import are_probabilities, fake_logits
from training.own.importing import Own, check_order, check_same
from training.own.standard import standard
from training.own.wrapped import Wrapped
from training.qat import SILENT, folded_model, quantized_model
from training.quantize import fold
from training.runs import Run, float_parent, read_run
from training.samples import Sample, fake_labels

Output = Literal["logit", "logits", "p_fake", "probabilities"]


@dataclass(frozen=True, slots=True)
class Source:
    """A float model, what it became in QAT, and where both come from."""

    run: Run
    parent: Path
    """The float model's file or folder."""
    float_model: Any
    """From float (N, S, S, 3), RGB, (pixel - 128) / 128, to what ``output`` says; has ``predict_on_batch``."""
    int8_model: Any
    """What becomes INT8: the QAT model, or, for post-training quantization, a float one whose ranges are then measured."""
    post_training: bool
    output: Output
    commands: tuple[str, ...]
    """That made the model, first to last."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the outputs are called, in their order: the score first."""
        return output_names(self.float_model)

    def parent_sha256(self) -> str:
        """Of the parent's bytes; of a folder, of its files in the order of their names."""
        files = [self.parent] if self.parent.is_file() else sorted(p for p in self.parent.rglob("*") if p.is_file())
        digest = hashlib.sha256()
        for file in files:
            digest.update(file.read_bytes())
        return digest.hexdigest()


def qat_source(folder: Path) -> Source:
    """The QAT run in ``folder`` and its float parent; ``InputError`` for a float run, with what to do."""
    run = read_run(folder)
    if not run.is_qat:
        raise InputError(
            f"{folder} is a float run: fine-tune it first with python -m training qat {folder} --run …, or quantize it as it is "
            "with --post-training, which can cost accuracy"
        )
    parent = float_parent(run)
    trained = quantized_model(run, folder / "best.h5")
    return Source(run, parent, folded_model(run, parent), trained, False, _logits(run), commands_of(run))


def float_source(folder: Path, command: str) -> Source:
    """The float run in ``folder``, for post-training quantization by ``command``; ``InputError`` for a QAT run."""
    run, checkpoint = read_run(folder), folder / "best.h5"
    if run.is_qat:
        raise InputError(f"{folder} is a QAT run: convert it without --post-training, or name its float parent {run.weights}")
    models = folded_model(run, checkpoint), folded_model(run, checkpoint, drop_below=SILENT)
    return Source(run, checkpoint, *models, True, _logits(run), (*commands_of(run), command))


def detector_source(own: Own, run: Run, command: str) -> Source:
    """A user's detector for post-training quantization by ``command``: imported where that is possible, else as it is."""
    validation = readable(run.training_samples()[1])
    pixels = all_pixels(validation, size=run.size, margin=run.margin, mode=run.crop_mode)
    try:
        model = standard(own.model, own.feed, own.classes)
        scores = logits(model, pixels)
        check_same(own, pixels, scores)
        models, output = (fold(model), fold(model, drop_below=SILENT)), _logits(run)
    except InputError as error:
        print(f"note: {own.model.path} is quantized as it is, not layer by layer: {error}", file=sys.stderr)
        outputs = own.model.outputs(own.feed(pixels))
        probabilities = are_probabilities(outputs)
        models = (Wrapped(own, probabilities=probabilities),) * 2
        output = ("probabilities" if run.classes else "p_fake") if probabilities else _logits(run)
        scores = fake_logits(outputs, own.classes, probabilities=probabilities)
    check_order(own, pixels, fake_labels(validation), scores)
    return Source(run, own.model.path, *models, True, output, (command,))


def keras_outputs(model: Any, pixels: Pixels, batch: int = 64) -> Outputs:
    """Every output (N, …) of a Keras model for pictures (uint8, (N, H, W, 3), RGB)."""
    chunks = [all_outputs(model, to_float(pixels[i : i + batch])) for i in range(0, len(pixels), batch)]
    return tuple(np.concatenate(parts).astype(np.float32) for parts in zip(*chunks, strict=True))


def commands_of(run: Run, passed: frozenset[Path] = frozenset()) -> tuple[str, ...]:
    """The commands that made this run, first to last: it may have started from another's weights, or from a published model.

    ``passed`` are the runs on the way here: one that is said to come from itself ends the list.
    """
    start = Path(run.weights)
    earlier: tuple[str, ...] = ()
    if start.suffix == ".tflite" and start.is_file():
        card = ModelFile(start).card
        earlier = card.training.commands if card and card.training else ()
    elif start.parent not in passed and (start.parent / "run.json").exists():
        earlier = commands_of(read_run(start.parent), passed | {start.parent})
    return earlier if run.command in earlier else (*earlier, run.command)


def report_samples(run: Run, data: str) -> dict[str, Sequence[Sample]]:
    """The size-matched faces of every split that the run has not seen, by data set name."""
    samples = [s for s in run.samples() if s.size_matched]
    splits = {split: [s for s in samples if s.split == split] for split in run.report_splits()}
    return {f"{data} {split}": readable(found) for split, found in splits.items() if found}


def held_out_faces(run: Run, data: str) -> tuple[str, Sequence[Sample]]:
    """The faces to compare a run's forms on, and what they are: a split that training has not seen, else what it validates on."""
    reports = report_samples(run, data)
    if reports:
        return next(iter(reports.items()))
    return f"{data}, the faces that chose checkpoint and thresholds", readable(run.training_samples()[1])


def _logits(run: Run) -> Output:
    return "logits" if run.classes else "logit"

"""How well models do on held-out faces, per precision and degradation: runs through Keras, model files through edgefake."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgefake.card_files import read_card
from edgefake.errors import InputError
from edgefake.model_card import ModelCard
from training.batches import all_pixels, readable
from training.decision import fit_decision
from training.device import on_device
from training.metrics import Confusion, Estimate, confusion, evaluate_scores, share
from training.runs import Run, read_run
from training.samples import Sample, fake_labels
from training.scores import PFake, detector_scores, device_scores, scores

THRESHOLD = "fpr_5%"
FILES = (".tflite", ".onnx")


@dataclass(frozen=True, slots=True)
class DataSet:
    """Labelled faces to report on."""

    name: str
    root: Path
    samples: Sequence[Sample]
    kinds: tuple[str, ...] = ("fake",)
    """Names of the kinds of fake, label 1 first."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to measure."""

    path: Path
    name: str
    precision: str
    """``float`` or ``QAT`` for a run, the card's for a model file."""
    card: ModelCard
    training_data: str
    """What it was trained on, as its card or its run says."""
    keras: Any = None
    """The loaded model of a run; None for a model file, which another process opens."""

    @property
    def threshold(self) -> float:
        """The stored p_fake threshold for 5 % false positives."""
        return self.card.threshold(THRESHOLD)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of one model on one set of faces under one degradation."""

    model: str
    precision: str
    data: str
    degradation: str
    real: int
    fake: int
    without_score: int
    """Pictures without a face that could be scored; they are in none of the figures."""
    threshold: float
    figures: dict[str, Estimate]
    """See ``training.metrics.evaluate_scores``."""
    confusion: Confusion
    kinds: dict[str, Estimate]
    """Share of each kind of fake that is called fake; empty where there is one kind."""

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Scored:
    """A measurement with what it was made from."""

    measurement: Measurement
    subject: Subject
    data: DataSet
    p_fake: PFake
    """(N,), NaN without a score."""


def evaluate(
    models: Sequence[Path],
    data_sets: Sequence[DataSet],
    *,
    degradations: Sequence[str] = ("clean",),
    find_faces: str | None = None,
) -> Iterator[Scored]:
    """Score run folders and ``.tflite`` or ``.onnx`` files, at the threshold stored for 5 % false positives.

    ``find_faces`` ("haar" or a YuNet file) lets the device find the faces, instead of taking the boxes of the samples; for
    model files only. Yields data set by data set, model by model, in the order of ``degradations``.
    Raises ``InputError`` when a run was trained or chosen on some of the pictures, before anything is scored.
    """
    if find_faces is not None and (runs := [model for model in models if model.suffix not in FILES]):
        raise InputError(f"--find-faces measures what a device does: give a .tflite or .onnx file, not the run {runs[0]}")
    for model in models:
        if model.suffix not in FILES:
            _refuse_seen(model, read_run(model), data_sets)
    names = distinct_names(models)
    subjects = [(_converted if path.suffix in FILES else _trained)(path, name) for path, name in zip(models, names, strict=True)]
    for data in data_sets:
        table = _all_scores(subjects, data.samples, degradations, find_faces)
        for subject in subjects:
            for degradation, p_fake in zip(degradations, table[subject.name], strict=True):
                yield Scored(_measure(subject, data, degradation, p_fake), subject, data, p_fake)


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, without its ending, or all of it where another ends alike."""
    last = [path.resolve().stem if path.suffix in FILES else path.resolve().name for path in paths]
    return [name if last.count(name) == 1 else str(path) for name, path in zip(last, paths, strict=True)]


def _refuse_seen(folder: Path, run: Run, data_sets: Sequence[DataSet]) -> None:
    """Raise ``InputError`` when pictures, compared by their bytes, taught the run or chose its checkpoint or thresholds."""
    seen = _seen(run)
    for data in data_sets:
        count = sum(_digest(sample.path) in seen for sample in data.samples)
        if count:
            raise InputError(
                f"{folder} was trained or chosen on {count} of the {len(data.samples)} pictures of {data.name}, so its figures "
                f"would flatter: report {' or '.join(run.report_splits())} (train with --hold-out 0.1 to keep val unseen)"
            )


def _seen(run: Run) -> set[bytes]:
    """Digests of the pictures that the run has seen, with those of the run whose weights it started from."""
    seen = {_digest(sample.path) for part in run.training_samples() for sample in part}
    start = Path(run.weights)
    return seen | _seen(read_run(start.parent)) if start.is_file() and (start.parent / "run.json").exists() else seen


def _digest(path: Path) -> bytes:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).digest()


def _converted(path: Path, name: str) -> Subject:
    if not path.is_file():
        raise InputError(f"there is no model file {path}: convert one with python -m convert tflite")
    card = read_card(path)
    if card is None:
        raise InputError(f"{path} carries no card: convert it with python -m convert tflite")
    return Subject(path, name, card.precision, card, card.training.data if card.training else "not stated")


def _trained(folder: Path, name: str) -> Subject:
    """The run with the calibration and the thresholds that its validation faces give."""
    from training.loop import logits
    from training.qat import folded_model, quantized_model

    run = read_run(folder)
    model = (quantized_model if run.is_qat else folded_model)(run, folder / "best.h5")
    validation = readable(run.training_samples()[1])
    decision = fit_decision(fake_labels(validation), logits(model, all_pixels(validation, size=run.size, margin=run.margin)))
    card = ModelCard(
        name=name,
        architecture=run.recipe,
        precision="float32",
        input_size=run.size,
        crop_margin=run.margin,
        output="logit",
        thresholds=decision.thresholds,
        calibration=decision.calibration,
    )
    return Subject(folder, name, "QAT" if run.is_qat else "float", card, run.data, model)


def _all_scores(
    subjects: Sequence[Subject], samples: Sequence[Sample], degradations: Sequence[str], find_faces: str | None
) -> dict[str, PFake]:
    """p_fake (degradations, N) by model name; the runs share one pass over the pictures, and so do the files."""
    files = [subject for subject in subjects if subject.keras is None]
    runs = [subject for subject in subjects if subject.keras is not None]
    found: dict[str, PFake] = {}
    if files and find_faces is not None:
        for subject in files:
            found[subject.name] = on_device(detector_scores, subject.path, samples, degradations, find_faces)
    elif files:
        models = [(subject.path, subject.card) for subject in files]
        found |= zip((s.name for s in files), on_device(device_scores, models, samples, degradations), strict=True)
    if runs:
        from training.loop import logits

        scorers = [(s.card, lambda pixels, model=s.keras: logits(model, pixels)) for s in runs]
        found |= zip((s.name for s in runs), scores(scorers, samples, degradations), strict=True)
    return found


def _measure(subject: Subject, data: DataSet, degradation: str, p_fake: PFake) -> Measurement:
    scored = ~np.isnan(p_fake)
    labels, p_fake = fake_labels(data.samples)[scored], p_fake[scored]
    kinds = np.array([sample.label for sample in data.samples])[scored]
    called_fake = p_fake >= subject.threshold
    return Measurement(
        model=subject.name,
        precision=subject.precision,
        data=data.name,
        degradation=degradation,
        real=int((labels == 0).sum()),
        fake=int((labels == 1).sum()),
        without_score=int((~scored).sum()),
        threshold=subject.threshold,
        figures=evaluate_scores(labels, p_fake, threshold=subject.threshold),
        confusion=confusion(labels, p_fake, subject.threshold),
        kinds={
            kind: share(called_fake[kinds == label])
            for label, kind in enumerate(data.kinds, start=1)
            if len(data.kinds) > 1 and np.any(kinds == label)
        },
    )

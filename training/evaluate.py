"""How well models do on held-out faces, per precision and degradation: runs through Keras, model files through edgefake."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.errors import InputError
from edgefake.models.card import ModelCard
from edgefake.models.file import ModelFile, require_card
from edgefake.models.forms import FORMS, suffixes
from edgefake.schema import SCHEMA
from edgefake.statistics import Interval
from edgefake.text import printable
from training.batches import all_pixels, readable
from training.decision import fit_decision
from training.device import on_device
from training.digests import digests, read_seen
from training.families import FamilyFigures, family_figures
from training.metrics import Confusion, confusion, evaluate_one_class, evaluate_scores, share
from training.notes import note
from training.runs import Run, at, read_run, seen_by
from training.samples import Sample, fake_labels
from training.scores import Found, PFake, detector_scores, device_scores, scores


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
        return self.card.threshold(DEFAULT_THRESHOLD)


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
    figures: dict[str, Interval]
    """See ``training.metrics.evaluate_scores``; where one class is missing, only the rate of the other."""
    confusion: Confusion
    """The verdicts that a device gives, where no threshold is chosen."""
    kinds: dict[str, Interval]
    """Share of each kind of fake that is called fake; empty where there is one kind."""
    families: tuple[FamilyFigures, ...]
    """Of each family; empty where the data name none."""

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps({"schema": SCHEMA, **asdict(self)})


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

    ``find_faces`` (see ``edgefake.faces.Faces``) lets the device find the faces, instead of taking the boxes of the samples; for
    model files only. Yields data set by data set, model by model, in the order of ``degradations``.
    Raises ``InputError`` when a run was trained or chosen on some of the pictures, before anything is scored.
    """
    subjects, data_sets = opened(models, data_sets, find_faces)
    for data in data_sets:
        table, _ = all_scores(subjects, data.samples, degradations, find_faces)
        for subject in subjects:
            for degradation, p_fake in zip(degradations, table[subject.name], strict=True):
                yield Scored(_measure(subject, data, degradation, p_fake), subject, data, p_fake)


def opened(
    models: Sequence[Path], data_sets: Sequence[DataSet], find_faces: str | None = None
) -> tuple[list[Subject], list[DataSet]]:
    """``models``, checked and loaded, and ``data_sets`` with each face once.

    Raises ``InputError`` when a run was trained or chosen on some of the pictures.
    """
    check_models(models, find_faces)
    contents = [digests(sample.path for sample in data.samples) for data in data_sets]
    runs = {model: _placed(model, read_run(model), data_sets) for model in models if model.suffix not in FORMS}
    for model, run in runs.items():
        _refuse_seen(model, run, data_sets, contents)
    subjects = [
        trained(path, runs[path], name) if path in runs else _converted(path, name)
        for path, name in zip(models, distinct_names(models), strict=True)
    ]
    return subjects, [*map(_without_copies, data_sets, contents)]


def check_models(models: Sequence[Path], find_faces: str | None = None) -> None:
    """Raise ``InputError`` unless each is a model file with a card or, without ``find_faces``, a run; loads no runtime."""
    for model in models:
        if model.suffix in FORMS:
            _card(model)
            continue
        read_run(model)
        if find_faces is not None:
            given = printable(model)
            raise InputError(f"--find-faces measures what a device does: give a model file ({suffixes()}), not the run {given}")


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, without its ending, or all of it where another ends alike."""
    last = [path.resolve().stem if path.suffix in FORMS else path.resolve().name for path in paths]
    return [printable(name if last.count(name) == 1 else path) for name, path in zip(last, paths, strict=True)]


def _refuse_seen(folder: Path, run: Run, data_sets: Sequence[DataSet], contents: Sequence[Mapping[Path, str]]) -> None:
    """Raise ``InputError`` when pictures, compared by their bytes, taught the run or chose its checkpoint or thresholds."""
    seen = seen_by(folder)
    for data, content in zip(data_sets, contents, strict=True):
        count = sum(content[sample.path] in seen for sample in data.samples)
        if count:
            told = "was trained or chosen on"
            if read_seen(folder) is None and run.parts != "hash" and run.draws_splits():
                told = "keeps no digests of its pictures, and may have been trained or chosen on"
            raise InputError(
                f"{printable(folder)} {told} {count} of the {len(data.samples)} pictures of {data.name}, so its figures would "
                f"flatter: report {' or '.join(run.report_splits())} (train with --hold-out 0.1 to keep val unseen)"
            )


def _placed(folder: Path, run: Run, data_sets: Sequence[DataSet]) -> Run:
    """``run`` with its data where it is now: the validation faces give calibration and thresholds.

    Raises ``InputError`` when it is neither where it was nor among ``data_sets``.
    """
    if Path(run.data).exists():
        return run
    reasons = []
    for data in data_sets:
        try:
            return at(run, folder, data.root)
        except InputError as error:
            reasons.append(str(error))
    raise InputError(
        f"the data of {printable(folder)}, {printable(run.data)}, is gone, and is not among what --data names ({reasons[0]}): "
        "its validation faces give calibration and thresholds, so give its new place as a further --data"
    )


def _without_copies(data: DataSet, content: Mapping[Path, str]) -> DataSet:
    """``data`` with each face once, however many copies of its picture there are."""
    first: dict[tuple[object, ...], Sample] = {}
    copies = []
    for sample in data.samples:
        if first.setdefault((content[sample.path], sample.label, sample.box), sample) is not sample:
            copies.append(str(sample.path))
    note(f"picture(s) of {data.name} are copies of others: counted once", copies)
    return replace(data, samples=tuple(first.values()))


def _card(path: Path) -> ModelCard:
    if not path.is_file():
        raise InputError(f"there is no model file {printable(path)}: convert one with python -m convert tflite")
    return require_card(ModelFile(path))


def _converted(path: Path, name: str) -> Subject:
    card = _card(path)
    return Subject(path, name, card.precision, card, card.training.data if card.training else "not stated")


def trained(folder: Path, run: Run, name: str) -> Subject:
    """The ``run`` in ``folder`` with the calibration and the thresholds that its validation faces give."""
    from training.loop import logits
    from training.qat import folded_model, quantized_model

    model = (quantized_model if run.is_qat else folded_model)(run, folder / "best.h5")
    validation = readable(run.training_samples()[1])
    seen = read_seen(folder)
    if seen is not None and not seen & set(digests(sample.path for sample in validation).values()):
        raise InputError(
            f"{printable(run.data)} is not the data of {printable(folder)} any more, which has seen none of the faces that would "
            "give calibration and thresholds: put the pictures back"
        )
    decision = fit_decision(
        validation, logits(model, all_pixels(validation, size=run.size, margin=run.margin, mode=run.crop_mode))
    )
    card = ModelCard(
        name=name,
        architecture=run.recipe,
        precision="float32",
        input_size=run.size,
        crop_margin=run.margin,
        crop_mode=run.crop_mode,
        output="logit",
        thresholds=decision.thresholds,
        calibration=decision.calibration,
    )
    return Subject(folder, name, "QAT" if run.is_qat else "float", card, run.data, model)


def all_scores(
    subjects: Sequence[Subject], samples: Sequence[Sample], conditions: Sequence[str], find_faces: str | None = None
) -> tuple[dict[str, PFake], Found | None]:
    """p_fake (conditions, N) by model name, NaN without a score; with ``find_faces``, which faces (conditions, N) were found.

    ``conditions`` are names of ``training.degrade.CONDITIONS``. The runs share one pass over the pictures, and so do the files.
    """
    files = [subject for subject in subjects if subject.keras is None]
    runs = [subject for subject in subjects if subject.keras is not None]
    scored: dict[str, PFake] = {}
    found = None
    if files and find_faces is not None:
        paths = [subject.path for subject in files]
        p_fake, found = on_device(detector_scores, paths, samples, conditions, find_faces)
        scored |= zip((s.name for s in files), p_fake, strict=True)
    elif files:
        models = [(subject.path, subject.card) for subject in files]
        scored |= zip((s.name for s in files), on_device(device_scores, models, samples, conditions), strict=True)
    if runs:
        from training.loop import logits

        scorers = [(s.card, lambda pixels, model=s.keras: logits(model, pixels)) for s in runs]
        scored |= zip((s.name for s in runs), scores(scorers, samples, conditions), strict=True)
    return scored, found


def _measure(subject: Subject, data: DataSet, degradation: str, p_fake: PFake) -> Measurement:
    scored = ~np.isnan(p_fake)
    if not scored.any():
        raise InputError(
            f"none of the {len(scored)} labelled faces of {data.name} was found by {subject.name}: nothing is measured"
        )
    families = family_figures(
        [sample for sample, has in zip(data.samples, scored, strict=True) if has], p_fake[scored], threshold=subject.threshold
    )
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
        figures=(evaluate_scores if 0 < labels.sum() < len(labels) else evaluate_one_class)(
            labels, p_fake, threshold=subject.threshold
        ),
        confusion=confusion(labels, p_fake, subject.card.thresholds_at()),
        kinds={
            kind: share(called_fake[kinds == label])
            for label, kind in enumerate(data.kinds, start=1)
            if len(data.kinds) > 1 and np.any(kinds == label)
        },
        families=tuple(families),
    )

"""What ``report.json`` holds: data classes, written as they are."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata

import numpy as np

from edgefake import __version__
from edgefake.models.families import Family
from edgefake.text import portable_path
from training.degrade import DEGRADATIONS
from training.evaluate import DataSet, Measurement, Scored
from training.kept import name_below

SCHEMA = 1
PACKAGES = ("ai-edge-litert", "numpy", "opencv-python-headless", "scikit-learn", "tensorflow", "tf-keras")
MISTAKES = 8
"""So many of either kind are listed and shown."""


@dataclass(frozen=True, slots=True)
class DataRecord:
    """A data set of the report."""

    name: str
    root: str
    real: int
    fake: int
    kinds: tuple[str, ...]
    audit: tuple[str, ...] | None
    """What ``python -m training audit`` warns of; None where it never ran."""


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model of the report."""

    name: str
    path: str
    precision: str
    architecture: str
    input_size: int
    training_data: str
    """What it was trained on, as its card or its run says."""
    families: tuple[Family, ...] | None
    """The figures that its card has of families; None for a run, which has no card."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong verdict."""

    model: str
    data: str
    degradation: str
    file: str
    """Relative to the data set's root where it lies in there."""
    label: str
    p_fake: float


@dataclass(frozen=True, slots=True)
class Record:
    """A whole report. ``schema`` rises whenever a key changes its meaning or goes."""

    schema: int
    created: str
    """UTC, ISO 8601."""
    command: str
    seed: int
    environment: dict[str, str]
    """Versions of Python, the platform and the packages that took part."""
    degradations: dict[str, str]
    """What each means."""
    data: tuple[DataRecord, ...]
    models: tuple[ModelRecord, ...]
    measurements: tuple[Measurement, ...]
    mistakes: tuple[Mistake, ...]
    """The most confident ones under the first degradation, worst first within each kind of mistake."""


def record(scored: Sequence[Scored], *, command: str, seed: int) -> Record:
    """The report on ``scored``, all of whose data sets were measured with the same models and degradations."""
    data_sets = {s.data.name: s.data for s in scored}
    subjects = {s.subject.name: s.subject for s in scored}
    return Record(
        schema=SCHEMA,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        command=command,
        seed=seed,
        environment={"python": platform.python_version(), "platform": platform.platform(), "edgefake": __version__}
        | {name: _version(name) for name in PACKAGES},
        degradations={name: DEGRADATIONS[name].what for name in dict.fromkeys(s.measurement.degradation for s in scored)},
        data=tuple(_data(data) for data in data_sets.values()),
        models=tuple(
            ModelRecord(
                *(s.name, portable_path(s.path), s.precision, s.card.architecture, s.card.side, s.training_data),
                families=s.card.families if s.keras is None else None,
            )
            for s in subjects.values()
        ),
        measurements=tuple(s.measurement for s in scored),
        mistakes=tuple(mistake for one in first_conditions(scored) for mistake in _mistakes(one)),
    )


def first_conditions(scored: Sequence[Scored]) -> list[Scored]:
    """The first degradation of each model and data set."""
    first: dict[tuple[str, str], Scored] = {}
    for one in scored:
        first.setdefault((one.data.name, one.subject.name), one)
    return list(first.values())


def worst(scored: Scored) -> tuple[list[int], list[int]]:
    """Indices of the most confident mistakes, worst first: (real faces called fake, fakes called real)."""
    fake = np.array([sample.fake for sample in scored.data.samples])
    p_fake, threshold = scored.p_fake, scored.subject.threshold
    false_alarms = np.flatnonzero(~fake & (p_fake >= threshold))
    missed = np.flatnonzero(fake & (p_fake < threshold))
    order = false_alarms[np.argsort(-p_fake[false_alarms], kind="stable")], missed[np.argsort(p_fake[missed], kind="stable")]
    return order[0][:MISTAKES].tolist(), order[1][:MISTAKES].tolist()


def _mistakes(scored: Scored) -> list[Mistake]:
    samples, labels = scored.data.samples, ("real", *scored.data.kinds)
    return [
        Mistake(
            scored.subject.name,
            scored.data.name,
            scored.measurement.degradation,
            name_below(samples[i].path, scored.data.root),
            labels[samples[i].label],
            float(scored.p_fake[i]),
        )
        for kind in worst(scored)
        for i in kind
    ]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # measuring .tflite files takes no TensorFlow
        return "not installed"


def _data(data: DataSet) -> DataRecord:
    from training.audit import audit_warnings

    warnings = audit_warnings(data.root)
    fake = sum(sample.fake for sample in data.samples)
    audit = None if warnings is None else tuple(warnings)
    return DataRecord(data.name, portable_path(data.root), len(data.samples) - fake, fake, data.kinds, audit)

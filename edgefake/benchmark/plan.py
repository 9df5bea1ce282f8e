"""Which cases are measured: model × runtime × threads × batch × streams."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefake.benchmark.factory import FACTORY, names_factory
from edgefake.errors import InputError, ModelNotFoundError
from edgefake.models.store import find_model
from edgefake.runtimes import OLD_NAMES, RUNTIMES, reader_of, suffix_of

NUMBERS = ("threads", "batch", "streams")
"""The dimensions of a case that are counts."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row: a model file on a runtime, or what a factory makes, in so many streams, each with so many threads and faces at
    once.

    Precision and input size are the file's.
    """

    model: str
    """The name of the file without its ending, or ``module:function``."""
    backend: str
    threads: int
    batch: int
    streams: int
    """Detectors that run at once in one process."""
    path: Path | None
    """None for a factory."""

    @property
    def numbers(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in NUMBERS}

    def __str__(self) -> str:
        return case_name(self.model, self.backend, self.numbers)


@dataclass(frozen=True, slots=True)
class Settings:
    """How every case is measured."""

    runs: int = 100
    """At least so many of every stream, over all processes."""
    seconds: float = 3.0
    """At least so long, over all processes."""
    processes: int = 5
    """Fresh ones per case: their differences are what intervals stand on."""
    faces: str = "haar"
    """How faces are found, as for ``Detector``."""
    threshold: float | str | None = None
    """Which p_fake balanced accuracy is measured at, as for ``Detector``; None: each model's own."""
    picture: Path | None = None
    """For the way from file to verdict; None draws one of 1280×720."""
    data: Path | None = None
    """A folder with the folders real and fake, to measure accuracy on."""

    def __post_init__(self) -> None:
        for name, least in (("runs", 1), ("seconds", 0), ("processes", 1)):
            if not getattr(self, name) >= least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Left:
    """What was not measured, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    cases: tuple[Case, ...]
    skipped: tuple[Left, ...]


def case_name(model: str, backend: str, numbers: Mapping[str, int]) -> str:
    """For people. A single stream goes without saying."""
    told = [f"{name} {number}" for name, number in numbers.items() if (name, number) != ("streams", 1)]
    return ", ".join([f"{model} on {backend}", *told])


def make_plan(
    models: Sequence[str],
    *,
    backends: Sequence[str],
    threads: Sequence[int],
    batches: Sequence[int],
    streams: Sequence[int],
) -> Plan:
    """All combinations. A model that has no file for a backend is skipped for it.

    Raises ``BackendError`` for an unknown backend, ``ModelNotFoundError`` for an unknown model, ``InputError`` for numbers below
    1 and for different files of the same name.
    """
    for name, numbers in (("threads", threads), ("batch", batches), ("streams", streams)):
        if wrong := [number for number in numbers if number < 1]:
            raise InputError(f"{name} must be at least 1, got {wrong[0]}")
    files: dict[tuple[str, str], Path | None] = {}
    skipped = []
    for model, backend in itertools.product(dict.fromkeys(models), dict.fromkeys(backends)):
        found = _file(model, backend)
        if isinstance(found, Left):
            skipped.append(found)
            continue
        path, backend = found
        name = model if path is None else path.stem
        if files.setdefault((name, backend), path) != path:
            raise InputError(f"{files[name, backend]} and {path} have one name, and rows could not be told apart: rename one")
    cases = [
        Case(model, backend, *numbers, path)
        for (model, backend), path in files.items()
        for numbers in itertools.product(dict.fromkeys(threads), dict.fromkeys(batches), dict.fromkeys(streams))
    ]
    return Plan(tuple(cases), tuple(skipped))


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _file(model: str, backend: str) -> tuple[Path | None, str] | Left:
    """The file of ``model`` that ``backend`` reads (a factory has none), and the backend's name where it was ``auto``; or why
    there is none."""
    if names_factory(model):
        if backend == "auto":
            return None, FACTORY
        return Left(f"{model} on {backend}", "what a factory makes opens its own runtime: leave the backend out")
    suffix = suffix_of(backend)
    try:
        path = find_model(model, suffix=suffix)
    except ModelNotFoundError as error:
        find_model(model)  # raises when the model is unknown altogether
        return Left(f"{model} on {backend}", str(error))
    if backend == "auto":
        return path, reader_of(path.suffix) or backend
    suffixes = RUNTIMES[OLD_NAMES[backend][0] if backend in OLD_NAMES else backend].suffixes
    if path.suffix not in suffixes:
        return Left(f"{model} on {backend}", f"it reads {' and '.join(suffixes)} files")
    return path, backend

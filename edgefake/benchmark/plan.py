"""Which cases are measured: model × runtime × threads × batch × streams."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefake.arguments import whole_number
from edgefake.benchmark.factory import FACTORY, factory, names_factory
from edgefake.defaults import DEFAULT_FACES
from edgefake.errors import InputError, ModelNotFoundError
from edgefake.models.store import find_model
from edgefake.runtimes import RUNTIMES, reader_of, suffix_of

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
    runtime: str
    device: str | int | None
    """Where the runtime executes it; None: its first."""
    threads: int
    batch: int
    streams: int
    """Detectors that run at once in one process."""
    path: Path | None
    """None for a factory."""

    @property
    def numbers(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in NUMBERS}

    @property
    def where(self) -> str:
        return where(self.runtime, self.device)

    def __str__(self) -> str:
        return case_name(self.model, self.where, self.numbers)


@dataclass(frozen=True, slots=True)
class Settings:
    """How every case is measured."""

    runs: int = 100
    """At least so many of every stream, over all processes."""
    seconds: float = 3.0
    """At least so long, over all processes."""
    processes: int = 5
    """Fresh ones per case: their differences are what intervals stand on."""
    faces: str = DEFAULT_FACES
    """How faces are found, as for ``Detector``."""
    threshold: float | str | Path | None = None
    """Which p_fake balanced accuracy is measured at, as for ``Detector``; None: each model's own."""
    picture: Path | None = None
    """For the way from file to verdict; None draws one of 1280×720."""
    data: Path | None = None
    """A folder with the folders real and fake, to measure accuracy on."""

    def __post_init__(self) -> None:
        for name in ("runs", "processes"):
            whole_number(name, getattr(self, name))
        if not self.seconds >= 0:
            raise InputError(f"expected seconds to be at least 0, got {self.seconds}")


@dataclass(frozen=True, slots=True)
class Left:
    """What was not measured, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    cases: tuple[Case, ...]
    skipped: tuple[Left, ...]


Place = tuple[str, str | int | None]
"""A runtime and one of its devices; None: its first."""


def where(runtime: str, device: str | int | None) -> str:
    """A place, for people: ``onnx``, ``onnx cuda:1``."""
    return runtime if device is None else f"{runtime} {device}"


def case_name(model: str, where: str, numbers: Mapping[str, int]) -> str:
    """For people. A single stream goes without saying."""
    told = [f"{name} {number}" for name, number in numbers.items() if (name, number) != ("streams", 1)]
    return ", ".join([f"{model} on {where}", *told])


def make_plan(
    models: Sequence[str],
    *,
    places: Sequence[Place],
    threads: Sequence[int],
    batches: Sequence[int],
    streams: Sequence[int],
) -> Plan:
    """All combinations. A model that has no file for a runtime is skipped for it.

    Raises ``BackendError`` for an unknown runtime, ``ModelNotFoundError`` for an unknown model, ``InputError`` for numbers below
    1, for different files of the same name, and for a factory that is not there.
    """
    for name, numbers in (("threads", threads), ("batch", batches), ("streams", streams)):
        for number in numbers:
            whole_number(name, number)
    files: dict[tuple[str, Place], Path | None] = {}
    skipped = []
    for model, place in itertools.product(dict.fromkeys(models), dict.fromkeys(places)):
        found = _file(model, *place)
        if isinstance(found, Left):
            skipped.append(found)
            continue
        path, runtime = found
        place = runtime, place[1]
        name = model if path is None else path.stem
        if files.setdefault((name, place), path) != path:
            raise InputError(f"{files[name, place]} and {path} have one name, and rows could not be told apart: rename one")
    cases = [
        Case(model, *place, *numbers, path)
        for (model, place), path in files.items()
        for numbers in itertools.product(dict.fromkeys(threads), dict.fromkeys(batches), dict.fromkeys(streams))
    ]
    return Plan(tuple(cases), tuple(skipped))


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _file(model: str, runtime: str, device: str | int | None) -> tuple[Path | None, str] | Left:
    """The file of ``model`` that ``runtime`` reads (a factory has none), and the runtime's name where it was ``auto``; or why
    there is none."""
    what = f"{model} on {where(runtime, device)}"
    if names_factory(model):
        factory(model)  # told before the first case is measured
        if (runtime, device) == ("auto", None):
            return None, FACTORY
        return Left(what, "what a factory makes opens its own runtime: leave runtime and device out")
    suffix = suffix_of(runtime)
    try:
        path = find_model(model, suffix=suffix)
    except ModelNotFoundError as error:
        find_model(model)  # raises when the model is unknown altogether
        return Left(what, str(error))
    if runtime == "auto":
        return path, reader_of(path.suffix) or runtime
    suffixes = RUNTIMES[runtime].suffixes
    if path.suffix not in suffixes:
        return Left(what, f"it reads {' and '.join(suffixes)} files")
    return path, runtime

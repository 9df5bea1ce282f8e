"""A training run's folder: what was asked (``run.json``), how far it got (``state.json``), and its checkpoints."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from edgefake.errors import InputError
from edgefake.files import write_atomically
from training.safe.records import read_record
from training.samples import CLASSES, Sample, hold_out, load_samples

LARGEST_SIZE, LARGEST_MARGIN = 4096, 10


@dataclass(frozen=True, slots=True)
class Run:
    """What makes a training run: with the same data and software, it gives the same detector up to float rounding.

    One that was interrupted gives another: after each start, dropout begins anew with what it draws.
    """

    stage: Literal["float", "qat"]
    recipe: str
    """Of ``training.recipes``, or what a user's own model is called."""
    data: str
    faces: str | None
    classes: tuple[str, ...]
    """Class folders for a softmax head, real first; empty for one logit of fake against real."""
    self_blend: bool
    """Whether every real training face has a twin: a fake blended from itself."""
    augmentation: str
    """Name of the variations of the training faces, see ``training.augment``."""
    size: int
    margin: float
    batch: int
    learning_rate: float
    hold_out: float
    """Fraction of train used for validation; 0 validates on the val folder, which then can't be reported on."""
    seed: int
    bfloat16: bool
    weights: str
    """Where the weights start: ``imagenet``, ``none`` (random) or a checkpoint."""
    command: str
    model: str = ""
    """The file of a user's own model, imported; empty for a recipe."""

    @property
    def is_qat(self) -> bool:
        """Whether ``qat`` made this run; its ``weights`` are then the float parent's."""
        return self.stage == "qat"

    def build(self) -> Any:
        """The run's architecture, with fresh weights; a user's own with those it came with."""
        # Both load TensorFlow, which the processes that measure devices must not.
        if self.model:
            from training.own.standard import load_standard

            return load_standard(Path(self.model))
        from training.recipes import build

        return build(self.recipe, self.size, outputs=len(self.classes) or 1)

    def samples(self) -> list[Sample]:
        """Every labelled face of the run's data."""
        faces = Path(self.faces) if self.faces else None
        classes = self.classes or CLASSES
        return load_samples(Path(self.data), faces=faces, seed=self.seed, classes=classes, real_only=self.self_blend)

    def training_samples(self) -> tuple[list[Sample], list[Sample]]:
        """(train, validation). Validation chooses checkpoint, calibration and thresholds, and is never reported."""
        samples = self.samples()
        train = [s for s in samples if s.split == "train"]
        if self.hold_out:
            train, validation = hold_out(train, self.hold_out, self.seed)
        else:
            validation = [s for s in samples if s.split == "val" and s.size_matched]
        if not validation and not self.hold_out:
            raise InputError(f"{self.data} has no val folder: add one or give --hold-out 0.1 to validate on a part of train")
        if not self.self_blend and len({s.fake for s in validation}) < 2:
            raise InputError(
                f"the {len(validation)} faces to validate on are not of both kinds, real and fake: hold out or add more"
            )
        if not self.self_blend:
            return train, validation
        from training.self_blend import with_self_blends

        if not any(s.fake for s in validation):
            print(
                "warning: there is no fake to validate on: figures, thresholds and calibration are of self-blends",
                file=sys.stderr,
            )
            validation = with_self_blends(validation)
        return with_self_blends(train), validation

    def report_splits(self) -> tuple[str, ...]:
        """The splits that training and threshold choice have not seen."""
        return ("val", "test") if self.hold_out else ("test",)


@dataclass(frozen=True, slots=True)
class State:
    """Progress after a whole epoch; what ``fit`` continues from."""

    learning_rate: float
    epoch: int = 0
    best_auc: float = 0.0
    best_epoch: int = 0
    plateau_epoch: int = 0
    """The epoch from which reduce-on-plateau counts its patience."""
    seconds: float = 0.0


def is_run(path: Path) -> bool:
    """Whether ``path`` is meant for a run's folder; else for a model file, or the folder of a SavedModel."""
    return not (path.is_file() or path.suffix in (".h5", ".hdf5", ".keras") or (path / "saved_model.pb").exists())


def read_run(folder: Path) -> Run:
    """The run in ``folder``; ``InputError`` when there is none or it is damaged."""
    try:
        run = read_record(folder / "run.json", Run)
    except FileNotFoundError:
        raise InputError(f"{folder} holds no run.json: expected the folder of a training run") from None
    except InputError as error:
        raise InputError(f"{folder}/run.json is damaged or of another version: {error}") from error
    if not (8 <= run.size <= LARGEST_SIZE and run.batch >= 1 and 0 <= run.margin <= LARGEST_MARGIN and 0 <= run.hold_out < 1):
        raise InputError(
            f"{folder}/run.json is damaged: expected a size from 8 to {LARGEST_SIZE}, a batch of at least 1, a margin from 0 to "
            f"{LARGEST_MARGIN} and a hold_out below 1, got {run.size}, {run.batch}, {run.margin:g} and {run.hold_out:g}"
        )
    return run


def checkpoint_of(folder: Path) -> Path:
    """The best checkpoint of the run in ``folder``; ``InputError`` where there is none yet."""
    path = folder / "best.h5"
    if not path.exists():
        raise InputError(f"there is no checkpoint {path}: train first, or name another run")
    return path


def float_parent(run: Run) -> Path:
    """The float checkpoint that a QAT run comes from, through any number of QAT runs between."""
    checkpoint, passed = Path(run.weights), set[Path]()
    while (parent := read_run(checkpoint.parent)).is_qat:
        if checkpoint in passed:
            raise InputError(f"{checkpoint.parent}/run.json is damaged: the run is said to come from itself")
        passed.add(checkpoint)
        checkpoint = Path(parent.weights)
    return checkpoint


def open_run(run: Run, folder: Path) -> State:
    """Start ``run`` in ``folder``, or find how far it got there.

    Raises ``InputError`` when the folder holds another run that has a checkpoint already, or is damaged.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the run folder {folder} cannot be created: {error.strerror}") from error
    if (folder / "run.json").exists() and any(folder.glob("*.h5")):
        earlier = read_run(folder)
        if replace(earlier, command=run.command) != run:
            raise InputError(
                f"{folder} holds another run ({earlier.command}): give the same settings to resume it, or another folder"
            )
    try:
        write_json(folder / "run.json", run)  # also when resumed: the command may now ask for more epochs
    except OSError as error:
        raise InputError(f"{folder}/run.json cannot be written ({error.strerror}): make room, or name another --run") from error
    path = folder / "state.json"
    try:
        return read_record(path, State)
    except FileNotFoundError:
        return State(run.learning_rate)
    except InputError as error:
        raise InputError(f"{path} is damaged or of another version ({error}): start again in another folder") from error


def write_json(path: Path, value: Run | State) -> None:
    """Write atomically: a kill leaves the old file or the new one, never half of one."""
    write_atomically(path, (json.dumps(asdict(value), indent=2) + "\n").encode())

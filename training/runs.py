"""A training run's folder: what was asked (``run.json``), how far it got (``state.json``), and its checkpoints."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from edgefake.errors import InputError
from edgefake.faces.geometry import CropMode
from edgefake.files import write_json
from edgefake.text import printable
from training.digests import digests, keep_seen, read_seen
from training.families import leave_out, tell_of_families
from training.notes import say
from training.safe.records import read_plain, read_record
from training.samples import CLASSES, Sample, hold_out, listed, load_samples

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
    folders: tuple[str, ...] = ()
    """``CLASS=NAME`` for each folder, or label of a manifest, that is called otherwise than its class."""
    parts: Literal["hash", ""] = ""
    """``hash``: what was drawn from the data follows from digests; empty in older runs, whose draws can't be told again."""
    left_out: tuple[str, ...] = ()
    """Families of the data that the run must not see."""
    crop_mode: CropMode = "inside"
    """What a crop does where its square would leave the picture."""
    ema: float = 0.0
    """What the moving average of the weights, which is judged and kept, keeps of itself at each step; 0: there is none."""
    twins: bool = False
    """Whether a fake and its real twin come in one batch, varied alike: see ``training.twins``."""
    pseudo: tuple[str, ...] = ()
    """What makes further fakes of the real training faces: see ``training.pseudo``."""
    distil: str = ""
    """Checkpoint of the detector that half of each target comes from, see ``training.teacher``; empty: labels alone."""

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
        if not Path(self.data).exists():
            raise InputError(f"the run's data {printable(self.data)} is gone: where it was moved, give its new place with --data")
        return load_samples(
            Path(self.data),
            faces=Path(self.faces) if self.faces else None,
            seed=self.seed,
            classes=self.classes or CLASSES,
            folders=self._folders(),
            real_only=self.self_blend,
        )

    def _folders(self) -> dict[str, str]:
        return {name: label for label, _, name in (entry.partition("=") for entry in self.folders)}

    def draws_splits(self) -> bool:
        """Whether the data says nothing of train, val and test, so that the pictures were split for the run."""
        pictures = listed(Path(self.data), self.classes or CLASSES, self._folders(), self.classes[1:] or CLASSES[1:])
        return not all(picture.split for picture in pictures)

    def training_samples(self) -> tuple[list[Sample], list[Sample]]:
        """(train, validation). Validation chooses checkpoint, calibration and thresholds, and is never reported."""
        samples, _ = leave_out(self.samples(), self.left_out)
        if self.parts != "hash" and (self.hold_out or self.draws_splits()):
            say(
                "warning: this run was made before splits followed from the pictures' content: which faces it was validated on "
                "can't be told again, and those taken now in their place may have taught it"
            )
        train = [s for s in samples if s.split == "train"]
        if self.hold_out:
            train, validation = hold_out(train, self.hold_out, self.seed)
        else:
            validation = [s for s in samples if s.split == "val" and s.size_matched]
        if not validation and not self.hold_out:
            data = printable(self.data)
            raise InputError(f"{data} has no faces to validate on: add a val folder, or give --hold-out 0.1 for a part of train")
        if not self.self_blend and len({s.fake for s in validation}) < 2:
            raise InputError(
                f"the {len(validation)} faces to validate on are not of both kinds, real and fake: hold out or add more"
            )
        tell_of_families(train, validation)
        if self.pseudo:
            from training.pseudo import with_pseudo_fakes

            train = with_pseudo_fakes(train, self.pseudo)
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
    """The run in ``folder``; ``InputError`` when there is none, it is damaged or a face finder's."""
    if folder.is_file():
        raise InputError(
            f"expected the folder of a training run, got the file {folder}: give a folder, or a model file by its ending"
        )
    try:
        run = read_record(folder / "run.json", Run)
    except FileNotFoundError:
        raise InputError(f"{folder} holds no run.json: expected the folder of a training run") from None
    except InputError as error:
        if _is_finders(folder):
            raise InputError(
                f"{folder} holds a face finder's run: python -m training finder and python -m convert finder take those"
            ) from None
        raise InputError(f"{folder}/run.json is damaged or of another version: {error}") from error
    if not re.fullmatch(r"\w[\w.-]{0,99}", run.recipe):  # model files are called after it
        raise InputError(f"{folder}/run.json is damaged: expected the name of a recipe or model, got {ascii(run.recipe)[:60]}")
    if not (
        8 <= run.size <= LARGEST_SIZE
        and run.batch >= 1
        and 0 <= run.margin <= LARGEST_MARGIN
        and 0 <= run.hold_out < 1
        and 0 <= run.ema < 1
    ):
        raise InputError(
            f"{folder}/run.json is damaged: expected a size from 8 to {LARGEST_SIZE}, a batch of at least 1, a margin from 0 to "
            f"{LARGEST_MARGIN}, a hold_out and an ema below 1, got {run.size}, {run.batch}, {run.margin:g}, {run.hold_out:g} and "
            f"{run.ema:g}"
        )
    return run


def _is_finders(folder: Path) -> bool:
    """Whether the run in ``folder`` has what only those of ``training.finder`` have."""
    try:
        return "crops" in json.loads(read_plain(folder / "run.json"))
    except (InputError, OSError, ValueError, RecursionError, TypeError):
        return False


def checkpoint_of(folder: Path) -> Path:
    """The best checkpoint of the run in ``folder``; ``InputError`` where there is none yet."""
    path = folder / "best.h5"
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}: train first, or name another run")
    return path


def at(run: Run, folder: Path, data: Path, faces: Path | None = None) -> Run:
    """The run in ``folder`` with its data in ``data``, where it was moved to; what it has seen tells whether it is that data.

    ``faces`` is the face table there, where it is neither the run's own nor the one that lies with the data.

    Raises ``InputError`` when it has seen none of those pictures, or keeps no digests.
    """
    seen = read_seen(folder)
    if seen is None:
        raise InputError(
            f"{printable(folder)} keeps no digests of its pictures, so that its data can't be known at another place: put it "
            f"back to {printable(run.data)}"
        )
    kept = run.faces if run.faces and Path(run.faces).exists() else None
    placed = replace(run, data=str(data), faces=str(faces) if faces else kept)
    chosen = set(digests(s.path for s in placed.samples() if s.split != "test").values())
    known = len(chosen & seen)
    if not known:
        raise InputError(f"{printable(data)} is not the data of {printable(folder)}: it has seen none of these pictures")
    if 2 * known < len(chosen):
        say(f"warning: of {len(chosen)} pictures for training in {printable(data)}, {printable(folder)} has seen only {known}")
    return placed


def seen_by(folder: Path) -> set[str]:
    """Digests of the pictures that taught the run in ``folder`` or chose its checkpoint, with those of the runs it came from.

    A run that keeps none (see ``training.digests``) is given those of its data as it is now: all, where its splits were drawn in
    a way that can't be told again.
    """
    kept = read_seen(folder)
    return kept if kept is not None else _seen_in_data(read_run(folder)) | _seen_before(read_run(folder))


def remember(run: Run, folder: Path, samples: Sequence[Sample]) -> None:
    """Keep in ``folder`` which pictures ``run`` and those before it have seen, before training begins. Raises ``OSError``."""
    keep_seen(folder, set(digests(s.path for s in samples).values()) | _seen_before(run))


def _seen_in_data(run: Run) -> set[str]:
    samples = run.samples()
    if run.parts == "hash" or not run.draws_splits():
        splits = ("train",) if run.hold_out else ("train", "val")
        samples = [s for s in samples if s.split in splits]
    return set(digests(s.path for s in samples).values())


def _seen_before(run: Run) -> set[str]:
    """By the runs whose weights it came from, and by its teacher; says of which this can't be told."""
    taught_by = Path(run.distil).parent if run.distil else None
    seen = seen_by(taught_by) if taught_by and (taught_by / "run.json").exists() else set[str]()
    passed: set[Path] = set()
    while Path(run.weights).is_file() and (Path(run.weights).parent / "run.json").exists():
        folder = Path(run.weights).parent
        if folder.resolve() in passed:
            break
        passed.add(folder.resolve())
        kept = read_seen(folder)
        if kept is not None:
            return seen | kept
        run = read_run(folder)
        try:
            seen |= _seen_in_data(run)
        except InputError as error:
            say(f"warning: which pictures {printable(folder)} has seen can't be told ({error})")
    return seen


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
        moved = earlier.data != run.data
        same = replace(earlier, command=run.command, parts=run.parts)
        if (replace(same, data=run.data, faces=run.faces) if moved else same) != run:
            raise InputError(
                f"{folder} holds another run ({earlier.command}): give the same settings to resume it, or another folder"
            )
        if earlier.parts != run.parts and (run.hold_out or run.draws_splits()):
            raise InputError(
                f"{folder} was begun before splits followed from the pictures' content, and would go on with others: start "
                f"another run with --weights {folder / 'best.h5'}"
            )
        if moved:
            at(run, folder, Path(run.data))
    try:
        write_json(folder / "run.json", asdict(run))  # also when resumed: the command may now ask for more epochs
    except OSError as error:
        raise InputError(f"{folder}/run.json cannot be written ({error.strerror}): make room, or name another --run") from error
    path = folder / "state.json"
    try:
        return read_record(path, State)
    except FileNotFoundError:
        return State(run.learning_rate)
    except InputError as error:
        raise InputError(f"{path} is damaged or of another version ({error}): start again in another folder") from error

"""A face finder's run folder: what was asked (``run.json``), how far it got (``state.json``), and its checkpoints."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from edgefake.errors import InputError
from edgefake.files import write_json
from edgefake.text import printable
from training.loop import keeping
from training.safe.records import read_record


@dataclass(frozen=True, slots=True)
class FinderRun:
    """Everything that decides what a training run learns; ``run.json`` in its folder."""

    data: tuple[str, ...]
    """Folders or tables, see ``training.finder.data``."""
    size: int
    """Side of the training crops."""
    batch: int
    crops: int
    """Crops per epoch."""
    epochs: int
    learning_rate: float
    seed: int
    weights: str
    """A checkpoint to start from, or ``none``; of a QAT run, its float parent's."""
    command: str
    stage: Literal["float", "qat"] = "float"


@dataclass(frozen=True, slots=True)
class FinderState:
    """How far a run got; ``state.json``."""

    epoch: int = 0
    best_ap: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0


def read_run(folder: Path) -> FinderRun:
    """The run in ``folder``; ``InputError`` when there is none, or it is damaged or a detector's."""
    try:
        return read_record(folder / "run.json", FinderRun)
    except FileNotFoundError:
        raise InputError(f"{printable(folder)} holds no run.json: expected the folder of a face finder's run") from None
    except InputError as error:
        raise InputError(f"{printable(folder)}/run.json is damaged or of another kind of run: {error}") from error


def open_run(run: FinderRun, folder: Path) -> FinderState:
    """Start ``run`` in ``folder``, or find how far it got there. Raises ``InputError`` when it holds another or is damaged."""
    earlier = read_run(folder) if (folder / "run.json").exists() else run
    if replace(earlier, command=run.command) != run and (folder / "state.json").exists():
        raise InputError(
            f"{printable(folder)} holds another run ({printable(earlier.command)}): give the same settings to resume it, or "
            "another folder"
        )
    with keeping(folder / "run.json"):
        write_json(folder / "run.json", asdict(run))
    try:
        return read_record(folder / "state.json", FinderState)
    except FileNotFoundError:
        return FinderState()
    except InputError as error:
        raise InputError(f"{printable(folder)}/state.json is damaged ({error}): start again in another folder") from error


def last_checkpoint(folder: Path, state: FinderState) -> Path:
    """Two files in turn, so that one is whole while the other is being written."""
    return folder / f"last-{state.epoch % 2}.h5"

"""One process for each configuration, and how others find it: a lock that dies with it, and a file that says how it is."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from edgefake.errors import InputError
from edgefake.files import write_json
from edgefake.models.store import cache_folder
from edgefake.schema import SCHEMA
from edgefake.text import portable_path, printable


@dataclass(frozen=True, slots=True)
class Running:
    """What a process that runs a configuration tells of itself."""

    pid: int
    config: str
    started: float
    """Unix time."""
    reloads: int = 0
    """How often it was asked to read the configuration again."""
    changes: tuple[str, ...] = ()
    """What the last reload changed, a sentence each."""
    error: str | None = None
    """Why the configuration was not taken at the last reload."""


class Claim:
    """The right of this process to run the configuration at ``path``, until ``close``; also a context manager.

    Raises ``InputError`` when another process has it, or the file of the lock cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._place = _place(path)
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.fdopen(os.open(self._place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise InputError(
                f"{printable(self._place)} cannot be made ({error.strerror}): set EDGEFAKE_HOME to a folder that can be written"
            ) from error
        if not _locked(self._lock.fileno()):
            self._lock.close()
            found = running(path)
            raise InputError(
                f"{printable(path)} is watched already{f' by process {found.pid}' if found else ''}: "
                "end that first, or have it read the file again with `edgefake reload`"
            )
        self.state = Running(os.getpid(), portable_path(path.absolute()), time.time())
        self.write(self.state)

    def write(self, state: Running) -> None:
        """Tell others of a new state. A disk that is full does not end the process: who waits for it will say so."""
        self.state = state
        try:
            write_json(self._place, {"schema": SCHEMA, **asdict(state)})
        except OSError:
            self._place.unlink(missing_ok=True)

    def close(self) -> None:
        if not self._lock.closed:
            self._place.unlink(missing_ok=True)
            self._lock.close()

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def running(path: Path) -> Running | None:
    """The process that runs the configuration at ``path``; None when there is none, or it does not tell."""
    place = _place(path)
    try:
        lock = os.open(place.with_suffix(".lock"), os.O_RDWR)
    except OSError:
        return None
    try:
        if _locked(lock):  # what a process that was killed has left
            return None
        known = json.loads(place.read_text())
        return Running(**{**{key: known[key] for key in Running.__slots__}, "changes": tuple(known["changes"])})
    except (OSError, ValueError, KeyError):
        return None
    finally:
        os.close(lock)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _place(path: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]
    return cache_folder() / "run" / f"{digest}.json"

"""Videos that wait to be judged, and what became of them: a folder with their files and an SQLite database."""

from __future__ import annotations

import fcntl
import json
import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgefake.errors import InputError
from edgefake.files import remove_partials
from edgefake.schema import SCHEMA, figure, seconds_or_ms
from edgefake.serve.options import Options
from edgefake.text import printable

State = Literal["queued", "running", "done", "failed"]
ATTEMPTS = 2
"""A video during which the service ended so often is not tried again: it may be why."""

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, name TEXT, threshold REAL, prior REAL, state TEXT NOT NULL, created REAL NOT NULL, started REAL,
    finished REAL, progress REAL, attempts INTEGER NOT NULL DEFAULT 0, result TEXT, error TEXT
)
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One video. Times are Unix times."""

    id: str
    name: str | None
    """What the caller calls it."""
    options: Options
    state: State
    created: float
    started: float | None
    finished: float | None
    expires: float | None
    """When it will be forgotten; None before its end."""
    progress: float | None
    """The share of it that has been judged, where its length is known."""
    result: dict[str, Any] | None
    """As ``edgefake video --json`` prints it."""
    error: str | None

    def to_dict(self) -> dict[str, Any]:
        """``docs/schema.md`` describes the keys."""
        times = {name: _time(getattr(self, name)) for name in ("created", "started", "finished", "expires")}
        return {
            "schema": SCHEMA,
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "progress": None if self.progress is None else figure(self.progress),
            **times,
            "result": self.result,
            "error": self.error,
        }


class JobStore:
    """Jobs in ``folder``, which is made, and belongs to one service at a time. They are forgotten ``keep_s`` after their end.
    May be used from any thread.

    What ran when the service ended waits again. Raises ``InputError`` where the folder cannot be used; every method
    ``OSError`` or ``sqlite3.Error`` where the disk is full or fails.
    """

    def __init__(self, folder: Path, *, keep_s: float) -> None:
        self.folder, self._keep = folder, keep_s
        self._guard = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = open(folder / "lock", "w")  # noqa: SIM115
        except OSError as error:
            raise _unusable(folder, error.strerror) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (folder / "jobs.sqlite").touch(mode=0o600)  # the folder may be open to others
            self._base = sqlite3.connect(folder / "jobs.sqlite", check_same_thread=False, isolation_level=None)
            self._recover()
        except BlockingIOError as error:
            self._lock.close()
            raise _unusable(folder, "another service uses it") from error
        except (OSError, sqlite3.Error) as error:
            self._lock.close()
            raise _unusable(folder, str(error)) from error

    def new_file(self) -> Path:
        """Where a video may be written that is to become a job; what is left there is removed at the next start."""
        return self.folder / f".partial-{secrets.token_hex(8)}"

    def add(self, file: Path, name: str | None, options: Options) -> Job:
        """A job of the video in ``file``, which is moved away from there."""
        id = secrets.token_urlsafe(16)  # who does not know it cannot ask for it
        file.rename(self.video(id))
        try:
            (row,) = self._do(
                "INSERT INTO jobs (id, name, threshold, prior, state, created) VALUES (?, ?, ?, ?, 'queued', ?) RETURNING *",
                (id, name, options.threshold, options.prior, time.time()),
            )
        except BaseException:
            self.video(id).unlink(missing_ok=True)
            raise
        return self._job(row)

    def video(self, id: str) -> Path:
        """The file of a job that has not ended."""
        return self.folder / f"{id}.video"

    def get(self, id: str) -> Job | None:
        rows = self._do("SELECT * FROM jobs WHERE id = ? AND (finished IS NULL OR finished > ?)", (id, self._expired))
        return self._job(rows[0]) if rows else None

    def next(self) -> Job | None:
        """The one that has waited for longest, which runs from now on; where one ran that was never finished, that is over."""
        told = f"the service failed {ATTEMPTS} times while it was judged: it is not tried again"
        for row in self._do("SELECT id FROM jobs WHERE state = 'running' AND attempts >= ?", (ATTEMPTS,)):
            self.finish(row["id"], None, told)
        rows = self._do(
            "UPDATE jobs SET state = 'running', started = ?, progress = 0, attempts = attempts + 1 WHERE id = "
            "(SELECT id FROM jobs WHERE state IN ('queued', 'running') ORDER BY created LIMIT 1) RETURNING *",
            (time.time(),),
        )
        return self._job(rows[0]) if rows else None

    def advance(self, id: str, progress: float | None) -> bool:
        """Note how much of it has been judged; False where nobody wants it any more."""
        self._do("UPDATE jobs SET progress = ? WHERE id = ?", (progress, id))
        return self.get(id) is not None

    def finish(self, id: str, result: dict[str, Any] | None, error: str | None = None) -> None:
        """Keep what became of it, and not the video."""
        self._do(
            "UPDATE jobs SET state = ?, finished = ?, progress = ?, result = ?, error = ? WHERE id = ?",
            ("failed" if result is None else "done", time.time(), None if result is None else 1.0, _text(result), error, id),
        )
        self.video(id).unlink(missing_ok=True)

    def requeue(self, id: str) -> None:
        """It was stopped in order, and waits again."""
        self._do("UPDATE jobs SET state = 'queued', started = NULL, progress = NULL, attempts = 0 WHERE id = ?", (id,))

    def remove(self, id: str) -> None:
        """Forget it, whether it waits, runs or has ended."""
        self._do("DELETE FROM jobs WHERE id = ?", (id,))
        self.video(id).unlink(missing_ok=True)

    def expire(self) -> None:
        """Forget what ended long ago."""
        self._do("DELETE FROM jobs WHERE finished <= ?", (self._expired,))

    def count(self, state: State) -> int:
        return int(self._do("SELECT COUNT(*) AS n FROM jobs WHERE state = ?", (state,))[0]["n"])

    def close(self) -> None:
        with self._guard:
            self._base.close()
            self._lock.close()

    def _recover(self) -> None:
        self._base.row_factory = sqlite3.Row
        self._do(_TABLE)
        # By ``attempts`` it is known how often they ran.
        self._do(
            "UPDATE jobs SET state = 'queued', started = NULL, progress = NULL WHERE state = 'running' AND attempts < ?",
            (ATTEMPTS,),
        )
        waiting = {row["id"] for row in self._do("SELECT id FROM jobs WHERE state IN ('queued', 'running')")}
        remove_partials(self.folder)
        for file in self.folder.glob("*.video"):
            if file.stem not in waiting:
                file.unlink()
        for id in waiting:
            if not self.video(id).exists():
                self.finish(id, None, "its file is gone: send it again")

    @property
    def _expired(self) -> float:
        return time.time() - self._keep

    def _job(self, row: sqlite3.Row) -> Job:
        finished = row["finished"]
        return Job(
            row["id"],
            row["name"],
            Options(row["threshold"], row["prior"]),
            row["state"],
            row["created"],
            row["started"],
            finished,
            None if finished is None else finished + self._keep,
            row["progress"],
            None if row["result"] is None else json.loads(row["result"]),
            row["error"],
        )

    def _do(self, statement: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with self._guard:
            return self._base.execute(statement, values).fetchall()


def _text(result: dict[str, Any] | None) -> str | None:
    return None if result is None else json.dumps(result)


def _time(value: float | None) -> float | None:
    return None if value is None else seconds_or_ms(value)


def _unusable(folder: Path, why: str | None) -> InputError:
    return InputError(f"the folder {printable(folder)} cannot hold jobs ({why}): give --jobs another one")

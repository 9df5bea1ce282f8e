"""``Guarded``: a ``Judge`` in a process of its own, so that a file can cost no more than itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from edgefake.errors import BackendError, InputError
from edgefake.scan import rows
from edgefake.scan.judge import Batch, Claim, works_of
from edgefake.scan.limits import Limits
from edgefake.scan.reading import Work
from edgefake.scan.rows import File, Row
from edgefake.scan.settings import Fingerprint, Settings

DEATHS = 2
"""A file that was being judged when so many workers in a row died is at fault; one death may be anybody's."""

# Not by multiprocessing, which imports the main module again: in Ray's workers, in notebooks, in scripts without a guard.
_CHILD = """
import sys
sys.path[:] = sys.argv[2:]
from edgefake.scan.child import main
main(int(sys.argv[1]))
"""


class Guarded:
    """Judges batches as ``Judge`` does, in a process that is started again when a file ends it.

    A file that takes more than its ``limits`` or crashes a decoder becomes a row that says so.

    Args:
        settings, claim: as for ``Judge``.
        expected: the fingerprint that results must have; None takes any.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        limits: Limits | None = None,
        claim: Claim | None = None,
        expected: Fingerprint | None = None,
    ) -> None:
        self._settings, self._limits = settings, limits or Limits()
        self._claim: Claim = claim or _anybody
        self._expected = expected
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._claimed: dict[str, list[str]] = {}
        self._closed = False

    def __call__(self, batch: Batch) -> Any:
        """The rows of ``batch`` as a ``pyarrow.Table``; with the columns in which they are unfinished, see ``rows``."""
        return rows.table_of(self.judged(works_of(batch)), unfinished=True)

    def judged(self, works: Sequence[Work], seen: Callable[[], None] = lambda: None) -> list[Row]:
        """The row of each, in their order. ``seen`` is called after each.

        Raises what opening a detector raises, and ``InputError`` where its fingerprint is not the expected one.
        """
        done: list[Row] = []
        deaths = 0
        while len(done) < len(works):
            before = len(done)
            try:
                self._judge(works[before:], done, seen)
            except (EOFError, OSError):  # it is dead, or dies
                code = self._end()
                if self._closed:
                    break
                deaths = deaths + 1 if len(done) == before else 1
                if code == -signal.SIGALRM or deaths == DEATHS:
                    done.append(self._blamed(works[len(done)], code))
                    deaths = 0
        return done

    def stop(self) -> None:
        """Have ``judged`` return, with what it has; from any thread."""
        self._closed = True
        if child := self._child:
            child.kill()

    def close(self) -> None:
        """End the process."""
        self.stop()
        self._end()

    def __del__(self) -> None:
        self.close()

    def _judge(self, works: Sequence[Work], done: list[Row], seen: Callable[[], None]) -> None:
        connection = self._connection or self._start()
        if self._closed:
            raise EOFError
        self._claimed.clear()  # it claims again
        connection.send(list(works))
        left = len(works)
        while left:
            kind, value = connection.recv()
            if kind == "claim":
                for key, path in value:
                    self._claimed.setdefault(path, []).append(key)
                connection.send(self._claim(value))
            else:
                done.append(value)
                self._claimed.pop(value["path"], None)
                left -= 1
                seen()

    def _start(self, *, deaths: int = 0) -> Connection:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", _CHILD, str(theirs.fileno()), *sys.path]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
            self._child = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._connection = connection = Connection(ours.detach())
        try:
            connection.send((self._settings, self._limits))
            kind, value = connection.recv()
        except (EOFError, OSError):
            code = self._end()
            if not self._closed and deaths + 1 < DEATHS:  # somebody may have killed it
                return self._start(deaths=deaths + 1)
            told = f"the process that opens {self._settings.model} {_end_text(code)} before it was ready"
            raise BackendError(f"{told}: see what `edgefake models verify` and the system's log say") from None
        if kind == "broken":
            raise value
        if self._expected not in (None, value):
            assert self._expected is not None
            raise InputError(
                f"expected a worker like the others, got another: {', '.join(self._expected.differs(value))}: install one "
                "edgefake and one model on all machines"
            )
        return connection

    def _end(self) -> int:
        """End the process, if there is one; its exit code."""
        child, self._child = self._child, None
        connection, self._connection = self._connection, None
        if child is None:
            return 0
        if connection is not None:
            connection.close()
        try:
            return child.wait(self._limits.seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()

    def _blamed(self, work: Work, code: int) -> Row:
        """The row of the file that ended the process with ``code``."""
        claimed = self._claimed.pop(work.path or "", [])
        file = work.file if work.sha256 else File(work.path, claimed[0] if claimed else None, work.size)
        if code == -signal.SIGALRM:
            error = f"{work.name} took more than {self._limits.seconds:g} seconds: judge it alone, with more --seconds"
        else:
            error = f"{work.name} ended the process that judged it, which {_end_text(code)}: it may be made to do that"
        row = rows.error_row(file, error, kind="video" if work.clips else None)
        row["look"] = claimed[1] if len(claimed) > 1 else None
        return row if work.clips is None else {**row, "clips": work.clips, "first": work.first, "end": work.end}


def _end_text(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name
    return f"was ended by {name}" + (", as where memory runs out" if name == "SIGKILL" else "")


def _anybody(asked: Sequence[tuple[str, str]]) -> list[bool]:
    return [True] * len(asked)

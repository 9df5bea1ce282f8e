"""The process in which files are judged: what a decoder does to it, it does to no other."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from edgefake.scan.judge import Judge
from edgefake.scan.limits import Limits
from edgefake.scan.settings import Settings


def main(descriptor: int) -> None:
    """Open a detector, and judge what comes over the connection until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends this one
    connection = Connection(descriptor)
    try:
        _serve(connection)
    except (EOFError, OSError):  # the parent is gone
        os._exit(0)


def _serve(connection: Connection) -> None:
    settings, limits = connection.recv()
    assert isinstance(settings, Settings) and isinstance(limits, Limits)
    os.nice(limits.nice)

    sending, asking = threading.Lock(), threading.Lock()

    def send(kind: str, value: Any) -> None:
        with sending:
            connection.send((kind, value))

    def claim(asked: Sequence[tuple[str, str]]) -> list[bool]:
        with asking:  # one answer is for one question
            send("claim", asked)
            answers: list[bool] = connection.recv()
        return answers

    judge = Judge(settings, claim=claim, tick=lambda: _alarm(limits.seconds))
    try:
        send("open", judge.open())
    except Exception as error:  # raised where the results are wanted
        send("broken", error)
        return
    _bound_memory(limits.megabytes)
    while True:
        works = connection.recv()
        for row in judge.judged(works):
            send("row", row)
        _alarm(0)


def _alarm(seconds: float) -> None:
    """Have the system end this process after so long, whatever it is doing then; 0: no more."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _bound_memory(megabytes: int) -> None:
    """Let this process have so much more memory than it has now."""
    with open("/proc/self/status") as status:
        now = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData:"))
    limit = now + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

"""Stand-ins for systemd, where it does not run: the socket that a service notifies, and `systemctl`."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 60.0

_SYSTEMCTL = """\
#!{python}
import json, sys
from pathlib import Path
here = Path({folder!r})
with open(here / "calls", "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
answers = json.loads((here / "answers").read_text())
code, out, err = answers.get(sys.argv[1], [0, "", ""])
print(out, end="")
print(err, end="", file=sys.stderr)
sys.exit(code)
"""


class NotifySocket:
    """Hears what a service says to systemd."""

    def __init__(self, path: Path) -> None:
        self._in = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._in.bind(str(path))
        self._in.settimeout(PATIENCE_S)
        self.heard: list[str] = []

    def wait_for(self, line: str) -> None:
        """Until the service says ``line``; fails when it takes too long."""
        while line not in self.heard:
            self.heard += self._in.recv(4096).decode().splitlines()

    def forget(self) -> None:
        self.heard.clear()

    def close(self) -> None:
        self._in.close()


@contextmanager
def notify_socket(folder: Path) -> Iterator[tuple[NotifySocket, dict[str, str]]]:
    """The socket, and the environment of a service that is to be alive at least every two seconds."""
    path = folder / "notify"
    ears = NotifySocket(path)
    try:
        yield ears, {**os.environ, "NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "2000000"}
    finally:
        ears.close()


class FakeSystemctl:
    """A program of that name in ``folder``, which must be put first in PATH; keeps its calls and answers what it is told to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        program = folder / "systemctl"
        program.write_text(_SYSTEMCTL.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)
        self.answer()

    def answer(self, **answers: tuple[int, str, str]) -> None:
        """Exit code, stdout and stderr, by the action that it is called with."""
        (self._folder / "answers").write_text(json.dumps(answers))

    @property
    def calls(self) -> list[list[str]]:
        path = self._folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

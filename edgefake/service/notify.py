"""What a service tells systemd of itself, by the protocol of sd_notify(3): that it is ready, how it is, that it goes on."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

EX_CONFIG = 78
"""The exit code after which the unit of a service is not started again: its configuration has to be mended first."""


class Notifier:
    """Tells systemd, where it started this process and wants to hear; elsewhere every method does nothing.

    Nobody hears of a failure: what is watched over goes on without.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        known = os.environ if environment is None else environment
        path = known.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        watched = known.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every_s = int(known.get("WATCHDOG_USEC", "0") or 0) / 4e6 if watched else 0.0
        self._next = 0.0

    @property
    def is_there(self) -> bool:
        """Whether systemd listens."""
        return bool(self._address)

    @property
    def is_due(self) -> bool:
        """Whether a sign of life is wanted, and the last one is a quarter of the time that may pass ago."""
        return self.is_there and self._every_s > 0 and time.monotonic() >= self._next

    def alive(self) -> None:
        """Something was done since the last time: to be said only where that is so."""
        if self.is_due:
            self._next = time.monotonic() + self._every_s
            self._send("WATCHDOG=1")

    def ready(self, status: str = "") -> None:
        """What was to be started is."""
        self._send("READY=1", *([f"STATUS={status}"] if status else []))

    def status(self, text: str) -> None:
        """One line about how it is, for `systemctl status`."""
        self._send(f"STATUS={text}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.sendto("\n".join(line.replace("\n", " ") for line in lines).encode(), self._address)

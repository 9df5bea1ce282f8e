"""What is said to systemd, to a stand-in for its socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edgefake.service.notify import Notifier


@pytest.fixture(params=["file", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "file" else f"@edgefake-test-{os.getpid()}"


def test_what_is_said(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind("\0" + address[1:] if address.startswith("@") else address)
        ears.settimeout(60)
        notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())})
        assert notifier.is_there and notifier.is_due
        notifier.ready("watching door")
        notifier.alive()
        assert not notifier.is_due  # for a quarter of a minute
        notifier.alive()
        notifier.status("two\nlines")
        notifier.stopping()
        heard = [ears.recv(4096).decode() for _ in range(4)]
    assert heard == ["READY=1\nSTATUS=watching door", "WATCHDOG=1", "STATUS=two lines", "STOPPING=1"]


@pytest.mark.parametrize(
    "environment",
    [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "@nobody-listens", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}],
)
def test_where_nobody_listens_nothing_happens(environment: dict[str, str]) -> None:
    notifier = Notifier(environment)
    notifier.ready()
    notifier.alive()
    notifier.stopping()
    assert not notifier.is_due

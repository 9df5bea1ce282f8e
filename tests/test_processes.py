"""What tests start is interrupted as from a terminal, and does not outlive them."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.processes import started

WAIT = [sys.executable, "-c", "import time\nprint('up', flush=True)\ntime.sleep(600)"]


def test_ctrl_c_reaches_it_though_it_is_ignored_here() -> None:
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background
    try:
        with started(WAIT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == -signal.SIGINT
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, usual)


@pytest.mark.parametrize("session", [False, True])
def test_a_failing_test_leaves_nothing_running(session: bool) -> None:
    with pytest.raises(AssertionError), started(WAIT, stdout=subprocess.PIPE, start_new_session=session) as process:
        process.stdout.readline()
        raise AssertionError
    assert process.returncode == -signal.SIGKILL

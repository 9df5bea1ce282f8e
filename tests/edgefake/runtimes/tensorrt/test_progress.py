from __future__ import annotations

import io
import sys
import time

import pytest

from edgefake.runtimes.tensorrt.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_seconds_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(KeyboardInterrupt), progress("building"):
        while "\rbuilding: " not in terminal.getvalue():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith(" s\r\x1b[K")


def test_a_log_file_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("building"):
        time.sleep(0.6)
    assert capsys.readouterr() == ("", "")

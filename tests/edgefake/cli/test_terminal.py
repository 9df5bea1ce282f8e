from __future__ import annotations

import io
import logging
import sys
import threading
import time

import pytest

from edgefake.cli.terminal import LiveLine


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at_terminal(monkeypatch: pytest.MonkeyPatch) -> FakeTerminal:
    """One terminal for stdout and stderr, 20 columns wide."""
    terminal = FakeTerminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "20")
    return terminal


def screen(text: str) -> list[str]:
    """What a terminal shows after ``text``."""
    return [line.split("\r\x1b[K")[-1] for line in text.split("\n")]


def test_messages_and_warnings_stand_above_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    with LiveLine(every_s=0.0) as line:
        line.show("running 1")
        line.print("found")
        logging.getLogger("edgefake.streaming.capture").warning("%s is lost", "camera")
        line.show("running 2")
        assert screen(terminal.getvalue()) == ["found", "edgefake: camera is lost", "running 2"]
    assert screen(terminal.getvalue()) == ["found", "edgefake: camera is lost", ""]


def test_the_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    with LiveLine(every_s=0.0) as line:
        line.show("x" * 50)
        assert screen(terminal.getvalue()) == ["x" * 19]


def test_it_is_due_only_now_and_then_and_never_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    at_terminal(monkeypatch)
    line = LiveLine(every_s=1000.0)
    assert line.is_due
    line.show("once")
    assert not line.is_due
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not LiveLine(every_s=0.0).is_due


def test_warnings_are_printed_without_a_terminal_too(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveLine(every_s=1.0) as line:
        logging.getLogger("edgefake.streaming.capture").warning("lost")
        line.print("found")
    assert capsys.readouterr() == ("found\n", "edgefake: lost\n")
    logging.getLogger("edgefake.streaming.capture").warning("not here")
    assert "not here" not in capsys.readouterr().err


def test_a_note_of_what_takes_long_counts_the_seconds_until_something_else_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, before = at_terminal(monkeypatch), threading.active_count()
    with pytest.raises(KeyboardInterrupt), LiveLine(every_s=0.0) as line:
        logging.getLogger("edgefake.runtimes").info("building %s", "it")
        while "building it: " not in terminal.getvalue():
            time.sleep(0.01)
        line.print("found")
        assert screen(terminal.getvalue())[-1].startswith("building it: ")
        line.show("running")
        assert screen(terminal.getvalue()) == ["found", "running"]
        logging.getLogger("edgefake.runtimes").info("building more")
        raise KeyboardInterrupt
    assert threading.active_count() == before and screen(terminal.getvalue()) == ["found", ""]
    logging.getLogger("edgefake.runtimes").info("not here")
    assert "not here" not in terminal.getvalue()


def test_a_note_is_not_printed_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveLine(every_s=0.0):
        logging.getLogger("edgefake.runtimes").info("building it")
        time.sleep(0.6)
    assert capsys.readouterr() == ("", "")

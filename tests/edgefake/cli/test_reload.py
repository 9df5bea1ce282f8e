"""``edgefake reload`` and the process that it asks; ``test_station.py`` has whole ones."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgefake.cli import main, reload, station
from edgefake.errors import InputError
from edgefake.station import Station
from edgefake.station.claim import Claim, running
from tests.edgefake.streaming.videos import moving_face, write_video


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / "home"))
    path = tmp_path / "edgefake.toml"
    path.write_text("[cameras.a]\nsource = 0\n")
    return path


@pytest.fixture
def claim(config: Path) -> Iterator[Claim]:
    """This process is the one that runs the configuration."""
    with Claim(config) as claim:
        yield claim


def answer(claim: Claim, **outcome: object) -> None:
    """What this process says when it is asked."""

    def reread(number: int, frame: object) -> None:
        claim.write(replace(claim.state, reloads=claim.state.reloads + 1, **outcome))  # type: ignore[arg-type]

    signal.signal(signal.SIGHUP, reread)


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_what_was_changed_is_told(config: Path, claim: Claim, capsys: pytest.CaptureFixture[str]) -> None:
    answer(claim, changes=("a is started anew",))
    assert main(["reload", str(config)]) == 0
    assert capsys.readouterr().out == "a is started anew\n"
    answer(claim, changes=())
    assert main(["reload", str(config)]) == 0
    assert capsys.readouterr().out == "nothing has changed\n"


def test_why_it_was_not_taken_is_told(config: Path, claim: Claim, capsys: pytest.CaptureFixture[str]) -> None:
    answer(claim, error="no such model")
    assert main(["reload", str(config)]) == 2
    assert "what ran before goes on: no such model" in capsys.readouterr().err


def test_who_does_not_answer_is_told(
    config: Path, claim: Claim, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reload, "PATIENCE_S", 0.1)
    signal.signal(signal.SIGHUP, lambda number, frame: None)
    assert main(["reload", str(config)]) == 2
    assert "has not answered" in capsys.readouterr().err


def test_nothing_that_runs_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reload", str(config)]) == 2
    assert "nothing of this user watches" in capsys.readouterr().err
    config.write_text("[cameras.a]\n")
    assert main(["reload", str(config)]) == 2
    assert "source is missing" in capsys.readouterr().err


def test_a_configuration_has_one_process(config: Path, claim: Claim, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="already by"):
        Claim(config)
    found = running(config)
    assert found == claim.state
    (other := tmp_path / "other.toml").write_text(config.read_text())
    Claim(other).close()
    claim.close()
    assert running(config) is None


def test_a_reload_while_models_are_opened_ends_nothing(config: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_video(config.parent / "clip.avi", moving_face(portrait, 3), codec="MJPG")
    config.write_text(f'[detector]\nmodel = "cnn_int8"\nthreads = 1\n[cameras.a]\nsource = "{clip}"\n')
    uncaught: list[int] = []
    signal.signal(signal.SIGHUP, lambda number, frame: uncaught.append(number))  # which would have ended a process

    class Slow(Station):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            assert running(config) is not None  # `edgefake reload` finds it
            os.kill(os.getpid(), signal.SIGHUP)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(station, "Station", Slow)
    assert main(["watch", "--config", str(config)]) == 0
    assert not uncaught

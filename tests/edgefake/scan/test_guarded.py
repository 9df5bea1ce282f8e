from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgefake import BackendError, InputError, ModelNotFoundError
from edgefake.scan import Limits, Settings
from edgefake.scan.guarded import Guarded
from edgefake.scan.reading import Work
from tests.edgefake.scan.archive import SETTINGS, archive


def large(path: Path, side: int) -> Path:
    """A picture of noise, which takes its time."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    assert cv2.imwrite(str(path), noise, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return path


def pid(guarded: Guarded) -> int:
    assert guarded._child is not None
    return guarded._child.pid


def works(paths: list[Path]) -> list[Work]:
    return [Work(str(path)) for path in paths]


def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    """By its id, after every file."""
    pictures = archive(tmp_path, 5)
    guarded = Guarded(SETTINGS)
    expected = guarded.judged(works(pictures))
    killed = []

    def kill() -> None:
        killed.append(pid(guarded))
        os.kill(pid(guarded), signal.SIGKILL)

    assert guarded.judged(works(pictures), kill) == expected
    assert len(set(killed)) > 1
    assert guarded.judged(works(pictures)) == expected
    guarded.close()


def test_a_worker_that_is_killed_while_it_opens_the_model_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    class Killed(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self.pid)
            if len(started) == 1:
                self.kill()

    monkeypatch.setattr(subprocess, "Popen", Killed)
    guarded = Guarded(SETTINGS)
    (row,) = guarded.judged(works(archive(tmp_path, 1)))
    guarded.close()
    assert (row["status"], len(started)) == ("ok", 2)


def test_a_file_that_ends_two_workers_is_named(tmp_path: Path) -> None:
    pictures = archive(tmp_path, 4)
    poisoned = str(pictures[0])
    deaths = []

    def crash(asked: Sequence[tuple[str, str]]) -> list[bool]:
        if poisoned in [path for _, path in asked]:
            deaths.append(asked[0][0])
            os.kill(pid(guarded), signal.SIGSEGV)
        return [True] * len(asked)

    guarded = Guarded(SETTINGS, claim=crash)
    bad, *good = guarded.judged(works(pictures))
    guarded.close()
    assert len(deaths) == 2
    assert (bad["path"], bad["status"], bad["sha256"]) == (poisoned, "error", deaths[0])
    assert "000.png" in bad["error"] and "SIGSEGV" in bad["error"]
    assert [row["status"] for row in good] == ["ok"] * 3


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    pictures = [archive(tmp_path, 1)[0], large(tmp_path / "large.png", 9000)]
    guarded = Guarded(SETTINGS, limits=Limits(seconds=0.3))
    first, second = guarded.judged(works(pictures))
    guarded.close()
    assert first["status"] == "ok" or "0.3 seconds" in first["error"]  # on a busy machine
    assert (second["status"], "0.3 seconds" in second["error"]) == ("error", True)


@pytest.mark.slow
def test_a_file_that_needs_too_much_memory_is_given_up(tmp_path: Path) -> None:
    small, other = archive(tmp_path, 2)
    guarded = Guarded(SETTINGS, limits=Limits(megabytes=100))
    found = guarded.judged(works([small, large(tmp_path / "large.png", 9000), other]))
    guarded.close()
    assert [row["status"] for row in found] == ["ok", "error", "ok"]
    assert "large.png" in found[1]["error"]


def test_what_opening_a_detector_raises_comes_out() -> None:
    with pytest.raises(ModelNotFoundError, match="absent"):
        Guarded(Settings(model="absent")).judged([Work("a.jpg")])
    with pytest.raises(BackendError, match="tpu"):
        Guarded(Settings(runtime="tpu")).judged([Work("a.jpg")])


def test_a_worker_unlike_the_others_is_refused() -> None:
    judge = Guarded(SETTINGS)
    with SETTINGS.open() as detector:
        from edgefake.scan import Fingerprint

        expected = Fingerprint.of(detector, Settings(model="cnn_int8", faces="frame", clips=7))
    with pytest.raises(InputError, match="clips 7, there 20"):
        Guarded(SETTINGS, expected=expected).judged([Work("a.jpg")])
    judge.close()

"""Processes that do not answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgefake import EdgefakeError, ModelNotFoundError
from edgefake.benchmark.isolated import measured
from edgefake.benchmark.worker import Job


class Deed:
    """Does something as soon as the process unpickles it."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._deed = function, arguments

    def __reduce__(self) -> Any:
        return self._deed


def job(**changes: Any) -> Job:
    standard = {
        "model": Path("x.tflite"),
        "runtime": "tflite",
        "device": None,
        "threads": 1,
        "batch": 1,
        "streams": 1,
        "faces": "haar",
        "picture": None,
        "threshold": 0.5,
    }
    return Job(**{**standard, "min_runs": 1, "min_seconds": 0.0, **changes})


def test_a_crash_is_named() -> None:
    with pytest.raises(EdgefakeError, match=r"x\.tflite on tflite.*SIGABRT$"):
        measured(job(faces=Deed(os.abort)))


def test_a_process_that_the_system_ended() -> None:
    with pytest.raises(EdgefakeError, match=r"SIGKILL: .*memory"):
        measured(job(faces=Deed(signal.raise_signal, signal.SIGKILL)))


def test_an_error_that_nobody_foresaw_is_shown() -> None:
    with pytest.raises(EdgefakeError, match="code 1: ValueError: invalid literal"):
        measured(job(faces=Deed(int, "x")))


def test_an_error_of_ours_arrives_as_it_was_raised() -> None:
    with pytest.raises(ModelNotFoundError, match=r"x\.tflite"):
        measured(job())


def test_what_libraries_print_does_not_matter(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelNotFoundError):
        measured(job(min_runs=Deed(print, "hello")))
    assert capfd.readouterr() == ("", "")

"""Files of which the oldest go, whatever the clock says."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgefake.errors import InputError
from edgefake.sinks import retention
from edgefake.sinks.retention import DAY_S, Series, file_name


def series(folder: Path, *, days: float | None = None, mb: float | None = None) -> Series:
    return Series(folder, "door", ".mkv", keep_days=days, keep_mb=mb)


def made(files: Series, size: int = 1000, *, age_s: float = 0.0) -> Path:
    """The next file, which was last changed so long ago."""
    path = files.next()
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_files_are_numbered_and_others_left_alone(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("door.mkv", "door-2.mkv", "yard-000001-20260101T000000Z.mkv", "door-000001-x.mkv")]
    for path in others:
        path.write_bytes(b"x" * 10_000)
    files = series(tmp_path, mb=0.001)
    first, second = made(files), made(files)
    assert first.name.startswith("door-000001-") and second.name.startswith("door-000002-")
    files.tidy()
    assert files.files() == [second] and all(path.exists() for path in others)
    while files.make_room():
        pass
    assert files.files() == [] and all(path.exists() for path in others)


def test_the_oldest_go_first_by_number_when_the_clock_was_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = series(tmp_path)
    first = made(files)
    with monkeypatch.context() as patch:
        patch.setattr(retention.time, "gmtime", lambda: time.struct_time((1970, 1, 1, 0, 0, 0, 3, 1, 0)))
        second = made(files)
    third = made(files)
    assert "-19700101T000000Z" in second.name
    assert files.files() == [first, second, third]
    assert files.make_room(but=[first]) and files.files() == [first, third]


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    files = series(tmp_path, days=2)
    old, new = made(files, age_s=2.1 * DAY_S), made(files, age_s=1.9 * DAY_S)
    files.tidy()
    assert not old.exists() and new.exists()


def test_a_clock_that_was_set_makes_nothing_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was battery-less at 1970 when the process began, or that a wrong server put years ahead."""
    now, running = time.time(), time.monotonic()
    clock = {"ahead": 0.0, "passed": 0.0}
    monkeypatch.setattr(retention.time, "time", lambda: now + clock["ahead"] + clock["passed"])
    monkeypatch.setattr(retention.time, "monotonic", lambda: running + clock["passed"])
    files = series(tmp_path, days=2)
    path = made(files)
    clock["ahead"] = 3000 * DAY_S
    files.tidy()
    assert path.exists()
    clock["passed"] = 0.9 * DAY_S
    files.tidy()
    assert path.exists()
    clock["passed"] = 1.1 * DAY_S
    files.tidy()
    assert not path.exists()


def test_a_folder_that_is_gone_has_no_files(tmp_path: Path) -> None:
    files = series(tmp_path / "absent", days=1)
    files.tidy()
    assert files.files() == [] and not files.make_room()
    assert files.next().name.startswith("door-000001-")


@pytest.mark.parametrize("limits", [{"days": 0}, {"mb": -1.0}, {"days": float("nan")}])
def test_limits(limits: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="above 0"):
        series(tmp_path, **limits)


@pytest.mark.parametrize(("camera", "name"), [("rtsp://door/main", "rtsp___door_main"), ("..", "camera"), ("Tür 1", "Tür_1")])
def test_names_of_cameras_in_names_of_files(camera: str, name: str) -> None:
    assert file_name(camera) == name

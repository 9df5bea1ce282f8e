from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError
from edgefake.streaming import stills as module
from edgefake.streaming.sources import find_source
from edgefake.streaming.stills import Idle, Still, arriving_stills, stills


def write(path: Path, value: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((40, 40, 3), value, np.uint8))
    return path


@pytest.fixture
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.0)


def test_each_picture_comes_with_its_name(tmp_path: Path) -> None:
    write(tmp_path / "10.png", 10)
    write(tmp_path / "9.png", 9)
    reader = find_source(tmp_path).open()
    read = [(picture.name, int(picture.pixels[0, 0, 0]), at) for picture, at in reader.frames if isinstance(picture, Still)]
    assert read == [(str(tmp_path / "9.png"), 9, None), (str(tmp_path / "10.png"), 10, None)]


def test_what_is_passed_over_is_told(tmp_path: Path, no_rest: None, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "a.png", 1)
    (tmp_path / "b.txt").touch()
    for fps in (None, 10.0):
        find_source(tmp_path, fps=fps).open()
    assert caplog.messages == [f"{tmp_path}: passed over 1 file (1 .txt) not ending like pictures"] * 2
    caplog.clear()
    arriving = arriving_stills(str(tmp_path))
    next(arriving)
    (tmp_path / "c.txt").touch()
    (tmp_path / "d.mp4").touch()
    list(islice(arriving, 3))
    assert caplog.messages == [
        f"{tmp_path}: passed over 1 file (1 {suffix}) not ending like pictures" for suffix in (".txt", ".mp4")
    ]


def test_every_picture_of_a_file_is_one(tmp_path: Path) -> None:
    pages = [np.full((40, 40, 3), value, np.uint8) for value in (1, 2)]
    assert cv2.imwritemulti(str(tmp_path / "two.tif"), pages)
    assert [int(page.pixels[0, 0, 0]) for page in stills([tmp_path / "two.tif"]) if isinstance(page, Still)] == [1, 2]


def test_what_cannot_be_read_leaves_its_place_to_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    (reason,) = stills([tmp_path / "a.png"])
    assert isinstance(reason, InputError) and "a.png" in str(reason)


def test_new_and_changed_pictures_arrive_once_when_they_are_whole(tmp_path: Path, no_rest: None) -> None:
    arriving = arriving_stills(str(tmp_path / "in"))
    assert isinstance(next(arriving), Idle)  # the folder is not yet there
    write(tmp_path / "in" / "a.png", 1)
    write(tmp_path / "in" / "b.png", 2)
    assert isinstance(next(arriving), Idle)  # seen, and perhaps still being written
    time.sleep(0.02)  # for another time of modification
    write(tmp_path / "in" / "b.png", 3)
    first, *rest = islice(arriving, 4)
    assert isinstance(first, Still) and first.name.endswith("a.png")
    assert [int(one.pixels[0, 0, 0]) for one in rest if isinstance(one, Still)] == [3]
    (tmp_path / "in" / "a.png").unlink()
    assert all(isinstance(one, Idle) for one in islice(arriving, 2))
    write(tmp_path / "in" / "a.png", 4)
    assert [int(one.pixels[0, 0, 0]) for one in islice(arriving, 3) if isinstance(one, Still)] == [4]

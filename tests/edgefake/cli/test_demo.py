"""``edgefake demo``: all parts at once, on the portrait inside the package."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from edgefake.cli import main
from edgefake.images import SAMPLE


def test_a_drawn_portrait_is_judged(capsys: pytest.CaptureFixture[str], portrait: Path) -> None:
    assert SAMPLE.read_bytes() == portrait.read_bytes()
    assert main(["demo", "--model", "cnn_int8"]) == 0
    told = capsys.readouterr().out
    assert "1 face" in told and "cnn_int8" in told and "computer graphics" in told and "Terms of the weights: " in told


def test_its_pictures_are_left(tmp_path: Path) -> None:
    assert main(["demo", "--model", "cnn_int8", "--out", str(tmp_path / "a" / "b")]) == 0
    written = {path.name: cv2.imread(str(path)) for path in (tmp_path / "a" / "b").iterdir()}
    assert {*written} == {"portrait.jpg", "portrait.annotated.jpg", "portrait.explained.png"}
    assert all(picture is not None for picture in written.values())


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err

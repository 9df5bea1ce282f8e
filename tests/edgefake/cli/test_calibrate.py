"""``edgefake calibrate`` on drawn pictures and a clip, and what its profile does."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from edgefake.cli import main
from edgefake.models.file import write_card
from edgefake.models.store import open_model
from tests.edgefake.cli.pictures import draw, draw_flat
from tests.edgefake.streaming.videos import moving_face, write_video
from tests.edgefake.test_schema import documented

MODEL = ["--model", "cnn_int8", "--threads", "1"]


def calibrate(*arguments: str | Path) -> int:
    return main(["calibrate", *MODEL, "--faces", "frame", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(8):
        draw(tmp_path / "own" / f"{seed}.png", seed=seed)
    draw_flat(tmp_path / "own" / "flat.png")
    (tmp_path / "own" / "broken.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "own" / "notes.txt").write_text("mine")
    return tmp_path / "own"


def test_the_profile_holds_for_the_pictures_it_was_made_of(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "own.json"
    assert calibrate(folder, "--rate", "30%", "--out", out, "--json") == 1  # 8 faces are too few
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found == json.loads(out.read_text()) and {*found} == documented("Profile")
    assert (found["model"], found["rate"], found["faces"], found["finder"]) == ("cnn_int8", 0.3, 8, "frame")
    assert found["false_alarms"]["value"] == 0.25
    for fact in ("broken.jpg", "1 .txt", "10 are needed"):
        assert fact in captured.err
    verdicts = []
    for picture in sorted(folder.glob("?.png")):
        main(["predict", *MODEL, "--faces", "frame", "--threshold", str(out), "--json", str(picture)])
        verdicts.append(json.loads(capsys.readouterr().out)["verdict"])
    assert sorted(verdicts) == ["fake"] * 2 + ["real"] * 6
    assert main(["predict", "--model", "resnet18_int8", "--faces", "frame", "--threshold", str(out), str(folder)]) == 2
    assert "cnn_int8" in capsys.readouterr().err


def test_enough_faces_and_the_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(folder, "--rate", "0.5") == 0
    captured = capsys.readouterr()
    assert "50.00% [" in captured.out and "not written" in captured.out and "needed" not in captured.err


def test_a_card_needs_no_default_threshold(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = open_model("cnn_int8", suffix=".tflite")
    model, out = tmp_path / "own.tflite", tmp_path / "own.json"
    shutil.copyfile(file.path, model)
    assert file.card is not None
    write_card(model, replace(file.card, thresholds={"own": 0.5}))
    assert calibrate(folder, "--rate", "0.5", "--model", model, "--out", out) == 0
    assert main(["predict", "--model", str(model), "--faces", "frame", "--threshold", str(out), str(folder / "0.png")]) in (0, 1)


def test_videos(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own").mkdir()
    write_video(tmp_path / "own" / "clip.avi", moving_face(portrait, 30), codec="MJPG")
    assert main(["calibrate", *MODEL, str(tmp_path / "own"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["faces"] == 1 and 0.0 < found["thresholds"]["fake"] < 1.0


@pytest.mark.parametrize("rate", ["0", "1", "100%", "nan", "few", "-1%"])
def test_a_rate_that_is_none(rate: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        calibrate(folder, f"--rate={rate}")
    assert rate in capsys.readouterr().err


@pytest.mark.parametrize("out", ["profile", "own.txt", "absent/own.json", "folder.json"])
def test_a_place_that_is_none_is_told_first(out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(SystemExit):
        calibrate(tmp_path / "no pictures", "--out", tmp_path / out)
    assert out in capsys.readouterr().err


def test_pages_that_cannot_be_read_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [cv2.imread(str(folder / f"{seed}.png")) for seed in range(3)]
    assert cv2.imwritemulti(str(folder / "pages.tif"), pages, [cv2.IMWRITE_TIFF_COMPRESSION, 8])
    data = bytearray((folder / "pages.tif").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    (folder / "pages.tif").write_bytes(data)
    calibrate(folder, "--json")
    captured = capsys.readouterr()
    assert json.loads(captured.out)["faces"] == 10 and "picture 2 of 3" in captured.err


def test_nothing_to_calibrate_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(tmp_path) == 2
    draw_flat(tmp_path / "flat.png")
    assert calibrate(tmp_path) == 2 and "none that could be scored" in capsys.readouterr().err

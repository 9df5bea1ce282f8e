"""The samples in README.md work, on a picture, a stream and a model of the tests."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgefake import Detector, Prediction, read_image
from tests.edgefake.streaming.videos import moving_face, write_video
from tests.edgefake.test_schema import documented

README = (Path(__file__).parents[2] / "README.md").read_text()


def samples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_python(
    tmp_path: Path, portrait: Path, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one session, from top to bottom, as a reader has it."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(portrait, "photo.jpg")
    shutil.copyfile(models / "float32.tflite", "mine.tflite")
    write_video(Path("clip.mp4"), moving_face(portrait, 20))
    here = {"rtsp://door/main": "clip.mp4", "input_size=224": "input_size=16"}
    session: dict[str, Any] = {}
    for sample in (found := samples("python")):
        for there, ours in here.items():
            sample = sample.replace(there, ours)
        exec(compile(sample, "README.md", "exec"), session)
    assert len(found) >= 3 and all(there in "".join(found) for there in here)
    assert isinstance(session["prediction"], Prediction) and isinstance(session["detector"], Detector)
    assert session["annotated"].shape == read_image("photo.jpg").shape
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Status.OK ") and lines[1].startswith("Box(") and lines[-1].startswith("1 Box(")


def test_json() -> None:
    (sample,) = samples("json")
    line = json.loads(sample)
    assert {*line} <= documented("Prediction") and {*line["faces"][0]} <= documented("Face")
    assert Prediction.from_dict(line).verdict is not None

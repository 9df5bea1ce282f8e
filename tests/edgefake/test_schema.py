"""``docs/schema.md`` lists the keys that are written, no more and no fewer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edgefake import Thresholds
from edgefake.cli import main
from edgefake.streaming.video import VideoTally
from tests.edgefake.streaming.results import result, track
from tests.edgefake.test_prediction import FOUND

DOCS = (Path(__file__).parents[2] / "docs" / "schema.md").read_text()


def documented(section: str) -> set[str]:
    """The keys in the first column of a section's table."""
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", DOCS, re.MULTILINE | re.DOTALL)
    assert text, section
    cells = re.findall(r"^\| (`.*?) \|", text[1], re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


def printed(capsys: pytest.CaptureFixture[str], *command: str) -> Any:
    capsys.readouterr()
    main(list(command))
    return json.loads(capsys.readouterr().out)


def test_predictions_and_faces(capsys: pytest.CaptureFixture[str], portrait: Path, tmp_path: Path) -> None:
    line = printed(capsys, "predict", str(portrait), "--json")
    assert {*line} == documented("Prediction") - {"error"}
    assert line["faces"] and {*line["faces"][0]} == documented("Face")
    assert {*FOUND.to_dict()} == documented("Prediction") - {"error", "path", "picture", "pictures"}
    failed = printed(capsys, "predict", str(tmp_path / "none.jpg"), "--json")
    assert {*failed} == documented("Prediction")
    assert failed["schema"] == line["schema"]


def test_frames_tracks_and_videos() -> None:
    frame = result(0, track(1, 0.5))
    assert {*frame.to_dict()} == documented("Frame")
    assert {*frame.to_dict()["tracks"][0]} == documented("Track")
    tally = VideoTally(Thresholds.two_way(0.5))
    tally.add(frame)
    assert {*tally.verdict().to_dict()} == documented("Video") - {"path", "threshold", "thresholds", "prior", "model", "error"}


def test_models(capsys: pytest.CaptureFixture[str]) -> None:
    for row in printed(capsys, "models", "--json"):
        assert {*row} == documented("Model")
    for row in printed(capsys, "models", "verify", "cnn_int8", "--json"):
        assert {*row} == documented("Verified model")

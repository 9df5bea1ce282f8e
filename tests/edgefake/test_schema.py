"""``docs/schema.md`` lists the keys that are written, no more and no fewer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edgefake import Thresholds
from edgefake.cli import main
from edgefake.streaming.events import Events
from edgefake.streaming.pictures import Picture
from edgefake.streaming.video import VideoTally
from tests.edgefake.benchmark.reports import report, row
from tests.edgefake.streaming.results import result, track
from tests.edgefake.test_prediction import FOUND

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "schema.md").read_text()


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


def test_events() -> None:
    events = Events("door")
    told = [event.to_dict() for index in range(9) for event in events.update(result(index, track()))]
    assert [{*event} for event in told] == 2 * [documented("Event")]
    assert {*told[0]["track"]} == documented("Track summary")
    assert set(Picture("crop", 1, 1, b"").to_dict()) == {"kind", "width", "height", "jpeg"}


def test_comparisons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(report(row()).to_json())
    found = printed(capsys, "benchmark", "--json", "--compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"))
    assert {*found} == documented("Comparison")
    assert found["rows"] and all({*one} == documented("Compared figure") for one in found["rows"])


@pytest.mark.parametrize("package", ["training", "convert", "benchmarks"])
def test_every_tool_that_writes_json_is_described(package: str) -> None:
    """Their options are read from the sources: some load TensorFlow, which does not go with LiteRT in one process."""
    told = re.search(r"^## Tools\n(.*)", DOCS, re.MULTILINE | re.DOTALL)
    assert told
    for path in (ROOT / package).rglob("*.py"):
        named = re.findall(r'add_parser\(\s*"([a-z-]+)"', text := path.read_text())
        if '"--json"' not in text or not named:
            continue
        assert [name for name in named if name in told[1]], f"{path.relative_to(ROOT)}: {named}"
    assert f"`python -m {package} " in told[1]


def test_models(capsys: pytest.CaptureFixture[str]) -> None:
    for one in printed(capsys, "models", "--json"):
        assert {*one} == documented("Model")
    for one in printed(capsys, "models", "verify", "cnn_int8", "--json"):
        assert {*one} == documented("Verified model")

"""The two thresholds of a published file, chosen on faces of others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from convert.bundle import ZOO
from edgefake import Detector
from edgefake.models.file import ModelFile
from tests.drawn import drawn_dataset
from training.cli import main


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copy(ZOO / "cnn_int8.tflite", tmp_path / "model.tflite"))


def test_they_are_written_into_the_card_with_what_they_are_worth(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = drawn_dataset(tmp_path / "data", splits={"val": 20})
    before = ModelFile(model).card
    assert main(["thresholds", str(model), "--data", str(data), "--json", "--write"]) == 0
    told = json.loads(capsys.readouterr().out)
    card = ModelFile(model).card
    assert (card.thresholds["fake"], card.thresholds["real"]) == (told["fake"], told["real"])
    assert told["real"] <= told["fake"] and told["real_faces"] == told["fake_faces"] == 20
    assert {name: card.thresholds[name] for name in before.thresholds if name not in ("fake", "real")} == {
        name: value for name, value in before.thresholds.items() if name not in ("fake", "real")
    }
    assert [metrics.figures.keys() for metrics in card.metrics].count({"fpr@fake", "fnr@real"}) == 1
    assert Detector(model).thresholds.fake == told["fake"]
    assert main(["thresholds", str(model), "--data", str(data), "--write"]) == 0  # once more replaces them
    assert len(ModelFile(model).card.metrics) == len(card.metrics)
    told = capsys.readouterr()
    assert "worst source" in told.out and "convert bundle" not in told.err


def test_without_write_the_file_stays(model: Path, tmp_path: Path) -> None:
    before = model.read_bytes()
    assert main(["thresholds", str(model), "--data", str(drawn_dataset(tmp_path / "data", splits={"val": 12}))]) == 0
    assert model.read_bytes() == before


def test_fakes_alone_are_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = drawn_dataset(tmp_path / "data", splits={"val": 12})
    shutil.rmtree(data / "val" / "real")
    assert main(["thresholds", str(model), "--data", str(data), "--write"]) == 2
    assert "expected scores of real and of fake faces" in capsys.readouterr().err


def test_a_bundled_file_has_to_be_registered_afterwards(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = drawn_dataset(tmp_path / "data", splits={"val": 12})
    monkeypatch.setattr("edgefake.models.store.REGISTRY", tmp_path / "models.json")  # of the folder that the model lies in
    assert main(["thresholds", str(model), "--data", str(data)]) == 0
    assert "convert bundle" not in capsys.readouterr().err
    assert main(["thresholds", str(model), "--data", str(data), "--write"]) == 0
    assert f"python -m convert bundle {model}" in capsys.readouterr().err

"""The face finder on its way to the device: QAT, INT8 ``.tflite``, ``.onnx``, gate and card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from convert.bundle import bundle
from convert.cli import main
from convert.finder import FinderCheck, _fitted
from convert.graph import read_graph
from edgefake.faces import open_finder
from edgefake.faces.edge import EdgeFinder
from edgefake.faces.search import reduced
from edgefake.models.file import ModelFile, write_card
from edgefake.models.store import list_models
from tests.interpreted import replayed
from tests.training.finder.drawn import drawn_photos
from tests.training.finder.small import small_network
from training.cli import main as training
from training.device import on_device
from training.finder.data import read_photos
from training.finder.runs import read_run
from training.finder.searches import named_search

OUTPUTS = tuple(f"{what}_{stride}" for stride in (8, 16, 32) for what in ("score", "box", "points"))


@dataclass(frozen=True)
class Made:
    float_run: Path
    qat_run: Path
    out: Path
    report: dict[str, object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """By the commands that a user gives; the tiny one is no good finder."""
    root = tmp_path_factory.mktemp("finder")
    data = drawn_photos(root / "data", {"train": 24, "val": 8, "test": 4})
    small = "--crops 160 --epochs 2 --size 96 --batch 8 --learning-rate 5e-3"
    with small_network():
        assert training(f"finder fit --data {data} --run {root / 'float'} {small}".split()) == 0
        assert training(f"finder qat {root / 'float'} --run {root / 'qat'} --crops 16 --epochs 1".split()) == 0
        yield Made(root / "float", root / "qat", root / "out", {})


def _convert(made: Made, *more: str) -> int:
    told = ["--data-name", "drawn", "--licence", "Apache-2.0", "--height", "64", "--width", "96"]
    return main(["finder", str(made.qat_run), "--out", str(made.out), *told, *more])


def test_qat_goes_on_where_it_stopped(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "again"
    shutil.copytree(made.qat_run, folder)
    run = read_run(folder)
    assert (run.stage, run.weights, run.data) == ("qat", str(made.float_run / "best.h5"), read_run(made.float_run).data)
    arguments = ["finder", "qat", str(made.float_run), "--run", str(folder), "--crops", "16", "--epochs"]
    assert training([*arguments, "1"]) == 0  # nothing left to do
    assert len((folder / "history.csv").read_text().splitlines()) == 2
    assert training([*arguments, "2"]) == 2  # the rate falls over the epochs: another run
    assert "holds another run" in capsys.readouterr().err
    assert training(["finder", "qat", str(folder), "--run", str(tmp_path / "third")]) == 2
    assert str(made.float_run / "best.h5") in capsys.readouterr().err


def test_both_files_say_the_same_under_the_same_names(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert _convert(made, "--json", "--min-score", "0.4") in (0, 1)  # eight pictures are no test of the gate
    report = json.loads(capsys.readouterr().out)
    assert list(report["ap"]) == ["float", "QAT", "TFLite INT8", "ONNX INT8"]
    assert report["pictures"] == 8
    assert abs(report["ap"]["ONNX INT8"] - report["ap"]["TFLite INT8"]) < 0.1
    tflite = made.out / "face_finder_int8.tflite"
    assert on_device(read_graph, tflite).faults() == []
    for path in (tflite, tflite.with_suffix(".onnx")):
        card = ModelFile(path).card
        assert card is not None
        assert (card.kind, card.name, card.outputs) == ("face_finder", "face_finder_int8", OUTPUTS)
        assert (card.height, card.width, card.min_score) == (64, 96, 0.4)
        assert card.training is not None
        assert [command.split()[4] for command in card.training.commands] == ["fit", "qat"]
        (metrics,) = card.metrics
        assert metrics.counts["pictures"] == 4
        assert metrics.figures["ap"].low <= metrics.figures["ap"].value <= metrics.figures["ap"].high
        errors = on_device(replayed, path)
        assert set(errors) == set(OUTPUTS)
        assert all(errors[name] <= card.tolerance(name) for name in errors)


def test_the_device_finds_with_both_files(made: Made) -> None:
    found = [on_device(_found, path) for path in (made.out / "face_finder_int8.tflite", made.out / "face_finder_int8.onnx")]
    assert found[0] == pytest.approx(found[1], abs=0.02)


def _found(path: Path) -> list[float]:
    """The scores of what it finds in a noisy frame that takes several tiles: the tiny one is unsure of most of it."""
    finder = open_finder("edge:" + str(path), runtime="auto" if path.suffix == ".tflite" else "onnx")
    assert isinstance(finder, EdgeFinder)
    unsure = EdgeFinder(finder.card, finder.runtime, min_score=0.0)
    frame = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    assert len(unsure.find(frame)) > len(unsure.find_fast(frame)) > 0
    return [face.score for face in unsure.find_fast(frame)[:5]]


def test_it_is_asked_for_what_its_card_says(made: Made, tmp_path: Path) -> None:
    easy = tmp_path / "easy.tflite"
    shutil.copyfile(made.out / "face_finder_int8.tflite", easy)
    card = ModelFile(easy).card
    assert card is not None
    write_card(easy, replace(card, min_score=0.0))
    asked, all_of_them = on_device(_counted, easy)
    assert asked == all_of_them > 0


def _counted(path: Path) -> tuple[int, int]:
    frame = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    first, second = (named_search(f"edge:{path}", min_score=least)(frame) for least in (None, 0.0))
    return len(first.scores), len(second.scores)


def test_it_is_bundled_as_what_it_is(made: Made, tmp_path: Path) -> None:
    for path in sorted(made.out.iterdir()):
        bundle(path, tmp_path)
    (stored,) = {located.stored.name: located.stored for located in list_models(registry=tmp_path / "models.json")}.values()
    assert (stored.name, stored.kind) == ("face_finder_int8", "face_finder")
    page = (tmp_path / "face_finder_int8.md").read_text()
    assert "face_finder at 96×64, int8" in page and "p_fake" not in page


def test_data_without_a_face_are_told_before_anything_is_converted(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made.qat_run, tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "run.json").read_text())
    table = Path(settings["data"][0]) / "faceless.csv"
    table.write_text("file\nval/3.png\nval/7.png\n")
    (tmp_path / "run" / "run.json").write_text(json.dumps(settings | {"data": [str(table)]}))
    assert _convert(replace(made, qat_run=tmp_path / "run", out=tmp_path / "out")) == 2
    error = capsys.readouterr().err
    assert "got 2 without" in error and "faceless.csv" in error
    assert not (tmp_path / "out").exists()


def test_pictures_are_fitted_as_devices_fit_frames(tmp_path: Path) -> None:
    """Reduced by the same means, never enlarged, at the top left of grey."""
    rng = np.random.default_rng(0)
    large, small = (rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((301, 201), (20, 30)))
    for name, picture in (("large", large), ("small", small)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    (tmp_path / "faces.csv").write_text("file\nlarge.png\nsmall.png\n")
    pixels, scales = _fitted(read_photos(tmp_path), 64, 96)
    assert scales == [64 / 301, 1.0]
    np.testing.assert_array_equal(pixels[0, :, :43], reduced(large, 43, 64)[..., ::-1])
    np.testing.assert_array_equal(pixels[1, :20, :30], small[..., ::-1])
    assert (pixels[0, :, 43:] == 128).all() and (pixels[1, 20:] == 128).all() and (pixels[1, :, 30:] == 128).all()


def test_the_gate_fails_where_ap_falls() -> None:
    ap = {"float": 0.9, "QAT": 0.5, "TFLite INT8": 0.8901, "ONNX INT8": 0.8899}
    (fault,) = FinderCheck(8, ap).faults()
    assert "ONNX INT8" in fault and "0.0101" in fault
    assert FinderCheck(8, {**ap, "ONNX INT8": np.nan}).faults()


@pytest.mark.parametrize(
    ("more", "told"), [(["--height", "100"], ("32", "100")), (["--width", "50"], ("32", "50"))], ids=lambda value: str(value)
)
def test_sizes_between_the_cells_are_refused(
    made: Made, more: list[str], told: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _convert(made, *more) == 2
    error = capsys.readouterr().err
    assert all(fact in error for fact in told)


def test_runs_of_another_kind_are_told_apart(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--out", str(tmp_path), "--data-name", "x", "--licence", "x"]
    assert main(["finder", str(made.float_run), *told]) == 2
    assert "python -m training finder qat" in capsys.readouterr().err
    assert main(["all", str(made.qat_run), *told]) == 2
    assert "python -m convert finder" in capsys.readouterr().err

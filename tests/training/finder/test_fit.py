from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgefake.errors import InputError
from edgefake.faces.decode import Found, overlaps
from edgefake.pixels import Pixels
from tests.training.finder.drawn import drawn_photo, drawn_photos
from tests.training.finder.small import small_network
from training.cli import main
from training.finder import fit
from training.finder.crops import Collection
from training.finder.data import Photo, read_photos
from training.finder.fit import FinderRun, finder_model, fit_finder
from training.finder.searches import network_search


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    with small_network():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_photos(tmp_path_factory.mktemp("finder") / "data", {"train": 24, "val": 8, "test": 4})


def _run(folder: Path, **changes: object) -> FinderRun:
    run = FinderRun(
        (str(folder),), size=96, batch=8, crops=16, epochs=2, learning_rate=2e-3, seed=1, weights="none", command="test"
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def _history(folder: Path) -> list[dict[str, float]]:
    with (folder / "history.csv").open(newline="") as stream:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]


@pytest.fixture(scope="module")
def learnt(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finder") / "run"
    fit_finder(_run(data, crops=800, epochs=8, learning_rate=5e-3), folder)
    return folder


def test_it_learns_drawn_heads(learnt: Path) -> None:
    first, *_, last = history = _history(learnt)
    assert last["loss"] < 0.6 * first["loss"]
    assert max(epoch["val_ap"] for epoch in history) > 0.5  # eight pictures: from epoch to epoch it jumps
    search = network_search(finder_model(learnt / "best.h5"))
    fits = []
    for seed in range(8):
        picture, faces = drawn_photo(np.random.default_rng(seed), 1)
        found = search(picture[:-5, :-9])  # of a size that is no multiple of 32
        fits.append(overlaps(found.boxes[:1], faces[:, :4]).max(initial=0))
    assert np.median(fits) > 0.5


def test_evaluate_measures_a_run_beside_haar_as_json(
    learnt: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    framed = shutil.copytree(data, tmp_path / "framed")
    for path in (framed / "test").iterdir():  # at 640 pixels heads are then as large as in training
        picture = cv2.imread(str(path))
        assert picture is not None
        cv2.imwrite(str(path), cv2.copyMakeBorder(picture, 0, 300, 0, 300, cv2.BORDER_CONSTANT, value=(60, 60, 60)))
    assert main(["finder", "evaluate", str(learnt), "--data", str(framed), "--split", "test", "--finders", "haar", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    reports = told["finders"]
    assert told["schema"] == 1
    assert list(reports) == [str(learnt), "haar"]
    assert reports[str(learnt)]["pictures"] == 4
    assert reports[str(learnt)]["figures"]["ap"]["value"] > 0.1
    assert main(["finder", "evaluate", str(learnt), "--data", str(data)]) == 0
    assert "8 pictures" in capsys.readouterr().out


def test_a_stopped_run_goes_on_as_if_it_had_not_been(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(*_: object, **__: object) -> float:
        if (tmp_path / "whole" / "state.json").exists():  # in the second epoch: what a kill would leave
            shutil.copytree(tmp_path / "whole", tmp_path / "stopped")
        return 0.0

    with monkeypatch.context() as patch:
        patch.setattr(fit, "validated", keep)
        fit_finder(_run(data), tmp_path / "whole")
    (tmp_path / "stopped" / ".partial-5eed.h5").write_bytes(b"what a kill in the middle of a save leaves")
    assert fit_finder(_run(data, command="again"), tmp_path / "stopped").epoch == 2
    assert not list((tmp_path / "stopped").glob(".partial-*"))
    whole, stopped = (_history(tmp_path / name) for name in ("whole", "stopped"))
    assert [row["epoch"] for row in stopped] == [1, 2]
    for name in ("class_loss", "object_loss", "box_loss", "points_loss", "learning_rate"):
        assert stopped[1][name] == pytest.approx(whole[1][name], rel=0.05), name
    assert fit_finder(_run(data), tmp_path / "stopped").epoch == 2  # nothing left to do
    with pytest.raises(InputError, match="another run"):
        fit_finder(_run(data, seed=2), tmp_path / "stopped")


def test_pictures_in_which_faces_are_mistaken_become_harder(data: Path) -> None:
    """Once each, and once more for every box from 0.3 on, up to four."""
    faceless = [photo for photo in read_photos(data) if not len(photo.boxes)][:4]
    given = iter([(), (0.9, 0.29), (0.3, 0.4, 0.8), (0.9,) * 7])

    def search(picture: Pixels) -> Found:
        assert max(picture.shape[:2]) == 64
        scores = np.array(next(given), np.float32)
        return Found(np.zeros((len(scores), 4), np.float32), scores, np.zeros((len(scores), 5, 2), np.float32))

    assert fit.hardness(search, faceless, side=64).tolist() == [1, 2, 4, 5]


def test_an_epoch_draws_what_the_one_before_mistook(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def hardness(search: object, faceless: Sequence[Photo], *, side: int) -> npt.NDArray[np.float64]:
        return np.linspace(1, 1 + len(seen), len(faceless))

    def epoch(run: FinderRun, photos: Collection, *_: object) -> tuple[dict[str, float], float]:
        seen.append(photos.hardness.tolist())
        return dict.fromkeys(fit.WEIGHTS, 1.0), 1.0

    monkeypatch.setattr(fit, "hardness", hardness)
    monkeypatch.setattr(fit, "_epoch", epoch)
    monkeypatch.setattr(fit, "validated", lambda *_, **__: 0.0)
    fit_finder(_run(data), tmp_path / "run")
    assert [(values[0], values[-1], len(values)) for values in seen] == [(1, 1, 6), (1, 2, 6)]


def test_folders_are_validated_on_by_their_share_of_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once, twice, none = (
        drawn_photos(tmp_path / name, splits)
        for name, splits in (("once", {"train": 12, "val": 12}), ("twice", {"train": 12, "val": 12}), ("none", {"test": 3}))
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "faces.csv").write_text("file,x,y,w,h\n")
    run = _run(once, data=tuple(map(str, (once, twice, twice, none, empty))))
    assert len(fit.validation_photos(run)) == 24  # each once, however often its folder is given
    monkeypatch.setattr(fit, "VALIDATED", 12)
    photos = fit.validation_photos(run)
    counts = Counter(photo.path.parents[1].name for photo in photos)
    assert len({photo.path for photo in photos}) == len(photos) <= 12
    assert counts["twice"] > counts["once"] > 1 and set(counts) == {"once", "twice"}


def test_the_rate_rises_and_falls_as_a_cosine(data: Path) -> None:
    rates = [fit.rate(_run(data), step, 1000) for step in range(1000)]
    assert rates[0] < 0.01 * 2e-3
    assert max(rates) == pytest.approx(2e-3, rel=0.1)
    top = int(np.argmax(rates))
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(2e-5, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["fit", "--data", "{data}", "--run", "{run}", "--size", "100"], "multiple of 32, got 100"),
        (["fit", "--data", "{data}/nowhere", "--run", "{run}"], "nowhere holds 0 tables"),
        (["fit", "--data", "{data}", "--run", "{run}", "--weights", "no.h5"], "there is no checkpoint no.h5"),
        (["evaluate", "--data", "{data}"], "expected a finder to measure"),
        (["evaluate", "{run}", "--data", "{data}"], "there is no checkpoint"),
        (["evaluate", "--finders", "haar", "--data", "{data}/faceless.csv"], "no picture .* is of the split val"),
    ],
)
def test_what_is_wrong_with_the_arguments_is_told(
    arguments: list[str], fault: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "faceless.csv").write_text("file\ntrain/3.png\n")
    assert main(["finder", *(a.format(data=data, run=tmp_path / "run") for a in arguments)]) == 2
    assert re.search(fault, capsys.readouterr().err)


def test_data_without_a_face_are_refused(data: Path, tmp_path: Path) -> None:
    (data / "faceless.csv").write_text("file\ntrain/3.png\n")
    with pytest.raises(InputError, match=r"faceless\.csv"):
        fit_finder(_run(data, data=(os.fspath(data / "faceless.csv"),)), tmp_path / "run")

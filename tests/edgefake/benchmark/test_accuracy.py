"""Accuracy of hand-counted scores, and of a folder that is judged for real."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Detector, InputError, Thresholds
from edgefake.benchmark.accuracy import labelled_pictures, measure_accuracy, separation
from edgefake.images import read_image, write_image


def test_hand_counted() -> None:
    real, fake = np.array([0.1, 0.4, 0.4, 0.7]), np.array([0.4, 0.9])
    auc, balanced = separation(real, fake, real < 0.5, fake >= 0.5)
    assert auc.value == pytest.approx(((1 + 0.5 + 0.5) + 4) / 8)
    assert balanced.value == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert auc.low <= auc.value <= auc.high and balanced.low <= balanced.value <= balanced.high


def test_perfect_and_inverted_scores_have_no_width() -> None:
    low, high = np.linspace(0, 0.4, 20), np.linspace(0.6, 1, 30)
    for (real, fake), expected in (((low, high), 1.0), ((high, low), 0.0)):
        auc, balanced = separation(real, fake, real < 0.5, fake >= 0.5)
        assert (auc.low, auc.value, auc.high) == (balanced.low, balanced.value, balanced.high) == (expected,) * 3


@pytest.fixture
def data(tmp_path: Path, photo: np.ndarray) -> Path:
    """Two real and two fake pictures, and one that is too blurred to be judged."""
    for label, shift in (("Real", 0), ("FAKE", 60)):
        for index in range(2):
            write_image(tmp_path / "data" / label / f"{index}.png", np.roll(photo, shift + 20 * index, axis=1))
    write_image(tmp_path / "data" / "Real" / "flat.png", np.full_like(photo, 90))
    return tmp_path / "data"


def test_a_folder_is_judged_as_predict_does(data: Path, model: Path) -> None:
    with Detector(model, faces="frame", num_threads=1) as detector:
        found = measure_accuracy(detector, data)
        scores = {path: detector.predict(read_image(path)).p_fake for paths in labelled_pictures(data) for path in paths}
    real, fake = ([p for path, p in scores.items() if path.parent.name == name and p is not None] for name in ("Real", "FAKE"))
    assert (found.data, found.real, found.fake, found.unscored, found.threshold) == ("data", 2, 2, 1, 0.5)
    assert found.auc.value == np.mean([(f > r) + 0.5 * (f == r) for f in fake for r in real])


def test_a_picture_of_which_the_detector_is_unsure_is_never_right(data: Path, model: Path) -> None:
    with Detector(model, faces="frame", num_threads=1, threshold=Thresholds(1.0, 0.0)) as detector:
        found = measure_accuracy(detector, data)
    assert (found.unsure, found.threshold, found.balanced_accuracy.value) == (4, 1.0, 0.0)


@pytest.mark.parametrize(("missing", "message"), [("Real", "folder real: "), ("FAKE", "folder fake: ")])
def test_one_class(data: Path, missing: str, message: str) -> None:
    (data / missing).rename(data / "others")
    with pytest.raises(InputError, match=message):
        labelled_pictures(data)


def test_no_folder_and_an_empty_one(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        labelled_pictures(tmp_path / "absent")
    (tmp_path / "empty" / "real").mkdir(parents=True)
    (tmp_path / "empty" / "fake").mkdir()
    with pytest.raises(InputError, match="no pictures"):
        labelled_pictures(tmp_path / "empty")


def test_a_class_without_a_face(data: Path, model: Path) -> None:
    for path in (data / "FAKE").iterdir():
        cv2.imwrite(str(path), np.full((64, 64, 3), 100, np.uint8))
    with Detector(model, faces="frame") as detector, pytest.raises(InputError, match=r"no face .*fake pictures"):
        measure_accuracy(detector, data)

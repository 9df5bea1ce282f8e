from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box
from edgefake.errors import InputError
from edgefake.images import read_image
from edgefake.preprocessing import face_pixels
from tests.drawn import drawn_dataset
from training.batches import all_pixels, readable, training_batches
from training.samples import Sample, load_samples
from training.self_blend import with_self_blends


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return load_samples(drawn_dataset(tmp_path_factory.mktemp("data"), splits={"train": 9}))


def _epoch(samples: list[Sample], *, seed: int = 1, epoch: int = 0, augmentation: str = "standard") -> np.ndarray:
    batches = training_batches(samples, size=32, margin=0.3, batch=4, seed=seed, epoch=epoch, augmentation=augmentation)
    return np.concatenate([x.numpy() for x, _ in batches])


def test_unvaried_faces_are_what_the_device_sees(samples: list[Sample]) -> None:
    pixels = all_pixels(samples, size=40, margin=0.3)
    assert pixels.shape == (18, 40, 40, 3)
    for sample, face in zip(samples, pixels, strict=True):
        np.testing.assert_array_equal(face, face_pixels(read_image(sample.path), sample.box, size=40, margin=0.3))


def test_an_epoch_is_the_same_for_the_same_seed_and_another_for_another(samples: list[Sample]) -> None:
    first = _epoch(samples)
    assert first.shape == (16, 32, 32, 3)  # four full batches of 18 faces
    assert first.dtype == np.float32
    assert first.min() >= -1.0
    assert first.max() <= 127 / 128
    np.testing.assert_array_equal(first, _epoch(samples))
    assert np.any(first != _epoch(samples, epoch=1))
    assert np.any(first != _epoch(samples, seed=2))
    assert np.any(first != _epoch(samples, augmentation="xception"))


def test_labels_stay_with_their_faces(samples: list[Sample]) -> None:
    # Stripes survive most variations, so fake faces have the larger horizontal differences on average.
    detail: dict[float, list[float]] = {0.0: [], 3.0: []}
    kinds = [replace(sample, label=3 * sample.label) for sample in samples]
    for epoch in range(4):
        for x, y in training_batches(kinds, size=48, margin=0.0, batch=6, seed=0, epoch=epoch):
            assert y.shape == (6, 1)
            for face, label in zip(x.numpy(), y.numpy()[:, 0], strict=True):
                detail[float(label)].append(float(np.abs(np.diff(face[12:36, 12:36], axis=1)).mean()))
    assert np.mean(detail[3.0]) > 1.5 * np.mean(detail[0.0])


def test_self_blended_twins_are_seen_too(samples: list[Sample]) -> None:
    real = [sample for sample in samples if not sample.fake]
    batches = training_batches(with_self_blends(real), size=32, margin=0.3, batch=18, seed=0, epoch=0)
    [(x, y)] = [(x.numpy(), y.numpy()) for x, y in batches]
    assert x.shape == (18, 32, 32, 3)
    assert y.sum() == 9


def test_an_unknown_augmentation_is_refused_before_training(samples: list[Sample]) -> None:
    with pytest.raises(InputError, match="augmentation 'strong'"):
        training_batches(samples, size=32, margin=0.3, batch=4, seed=0, epoch=0, augmentation="strong")


def test_pictures_that_cannot_be_used_are_left_out_and_named(
    samples: list[Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.jpg"
    cv2.imwrite(str(cut), read_image(samples[0].path))
    cut.write_bytes(cut.read_bytes()[:800])
    bad = [
        replace(samples[0], path=cut),
        replace(samples[0], path=tmp_path / "gone.png"),
        replace(samples[0], box=Box(500, 500, 9, 9)),
    ]
    kept = readable([*bad, *samples])
    assert kept == samples
    told = capsys.readouterr().err
    assert "3 picture(s) cannot be used: left out" in told
    for reason in ("cut.jpg is damaged", "gone.png cannot be read", f"{samples[0].path}: the face"):
        assert reason in told
    assert readable(samples) == samples
    assert capsys.readouterr().err == ""
    real = [sample for sample in samples if not sample.fake]
    with pytest.raises(InputError, match="class 1"):
        readable([*bad, *real])

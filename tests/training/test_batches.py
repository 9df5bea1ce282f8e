import numpy as np
import pytest

from edgefake.images import read_image
from edgefake.preprocessing import face_pixels
from tests.drawn import drawn_dataset
from training.augment import augmented_face
from training.batches import all_pixels, training_batches
from training.samples import Sample, load_samples


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return load_samples(drawn_dataset(tmp_path_factory.mktemp("data"), splits={"train": 9}))


def test_unvaried_faces_are_what_the_device_sees(samples: list[Sample]) -> None:
    pixels = all_pixels(samples, size=40, margin=0.3)
    assert pixels.shape == (18, 40, 40, 3)
    for sample, face in zip(samples, pixels, strict=True):
        np.testing.assert_array_equal(face, face_pixels(read_image(sample.path), sample.box, size=40, margin=0.3))


def test_an_epoch_is_the_same_for_the_same_seed_and_another_for_another(samples: list[Sample]) -> None:
    def epoch(seed: int, number: int) -> np.ndarray:
        return np.concatenate([x for x, _ in training_batches(samples, size=32, margin=0.3, batch=4, seed=seed, epoch=number)])

    first = epoch(1, 0)
    assert first.shape == (16, 32, 32, 3)  # four full batches of 18 faces
    assert first.dtype == np.float32
    assert first.min() >= -1.0
    assert first.max() <= 127 / 128
    np.testing.assert_array_equal(first, epoch(1, 0))
    assert np.any(first != epoch(1, 1))
    assert np.any(first != epoch(2, 0))


def test_labels_stay_with_their_faces(samples: list[Sample]) -> None:
    # Stripes survive most variations, so fake faces have the larger horizontal differences on average.
    detail: dict[float, list[float]] = {0.0: [], 1.0: []}
    for epoch in range(4):
        for x, y in training_batches(samples, size=48, margin=0.0, batch=6, seed=0, epoch=epoch):
            for face, label in zip(x, y[:, 0], strict=True):
                detail[float(label)].append(float(np.abs(np.diff(face[12:36, 12:36], axis=1)).mean()))
    assert np.mean(detail[1.0]) > 1.5 * np.mean(detail[0.0])


def test_a_stopped_epoch_leaves_no_threads(samples: list[Sample]) -> None:
    import threading

    before = threading.active_count()
    batches = training_batches(samples, size=32, margin=0.3, batch=4, seed=0, epoch=0)
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_augmentation_keeps_shape_and_is_decided_by_the_generator_alone(samples: list[Sample]) -> None:
    frame, box = read_image(samples[0].path), samples[0].box
    kept = frame.copy()
    for seed in range(60):  # enough to meet every variation
        one, two = (augmented_face(frame, box, size=32, margin=0.3, rng=np.random.default_rng(seed)) for _ in range(2))
        assert one.shape == (32, 32, 3)
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(frame, kept)

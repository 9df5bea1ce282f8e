import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box
from edgefake.errors import InputError
from edgefake.preprocessing import face_pixels
from tests.drawn import drawn_face
from training.augment import (
    AUGMENTATIONS,
    REACH,
    A,
    FaceCrop,
    PictureEdge,
    Resolution,
    augmented_face,
    face_region,
    reduced_region,
    seeded,
)

FRAME = drawn_face(np.random.default_rng(0), fake=True)
BOX = Box(22, 14, 52, 68)


def _varied(seed: int, augmentation: str = "standard") -> np.ndarray:
    region, _ = face_region(FRAME, BOX, 0.3)
    return augmented_face(region, size=32, margin=0.3, rng=np.random.default_rng(seed), augmentation=augmentation)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_the_generator_alone_decides_and_the_frame_stays(augmentation: str) -> None:
    kept = FRAME.copy()
    for seed in range(60):  # enough to meet every variation
        face = _varied(seed, augmentation)
        assert face.shape == (32, 32, 3)
        assert face.dtype == np.uint8
        np.testing.assert_array_equal(face, _varied(seed, augmentation))
    assert np.any(_varied(0, augmentation) != _varied(1, augmentation))
    np.testing.assert_array_equal(FRAME, kept)


def test_threads_do_not_disturb_each_other() -> None:
    alone = [_varied(seed) for seed in range(80)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(_varied, range(80)))
    np.testing.assert_array_equal(alone, together)


def _two_coins() -> A.Compose:
    return A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)])


def test_every_variation_flips_its_own_coin() -> None:
    corners = np.arange(4, dtype=np.uint8).reshape(2, 2, 1).repeat(3, axis=2)
    outcomes = [int(seeded(_two_coins, rng=np.random.default_rng(seed))(image=corners)["image"][0, 0, 0]) for seed in range(200)]
    assert np.bincount(outcomes).min() > 30  # a shared coin would leave two of the four at 0


@pytest.mark.parametrize("margin", [0.0, 0.3, 1.0])
def test_the_crop_of_the_region_is_the_devices(margin: float) -> None:
    box = Box(30, 30, 40, 36)
    region, inside = face_region(FRAME, box, margin)
    assert region.shape[0] == round(40 * (1 + margin) * REACH)
    expected = face_pixels(FRAME, box, size=32, margin=margin)
    np.testing.assert_array_equal(face_pixels(region, inside, size=32, margin=margin), expected)
    crop = FaceCrop(32, margin, shift=0.0, zoom=0.0)(image=region)["image"]
    assert np.abs(crop.astype(int) - expected).mean() < 4  # half a pixel off at most


def test_shift_and_zoom_stay_within_what_they_state() -> None:
    x, y = np.meshgrid(np.arange(256), np.arange(256))
    frame = np.dstack([x, y, np.zeros_like(x)]).astype(np.uint8)  # the middle pixel tells where it came from
    region, _ = face_region(frame, Box(78, 78, 100, 100), 0.3)
    middles, widths = [], []
    for seed in range(200):
        crop = seeded(lambda: A.Compose([FaceCrop(65, 0.3, 0.08, 0.15)]), rng=np.random.default_rng(seed))(image=region)["image"]
        middles.append(crop[32, 32, 1:].astype(int) - 128)
        widths.append(int(crop[32, 64, 2]) - int(crop[32, 0, 2]))
    assert 6 < np.abs(middles).max() < 8 + 2
    assert 0.85 < np.min(widths) / 128 < 0.9
    assert 1.1 < np.max(widths) / 128 < 1.17


def test_resolution_is_log_uniform_in_its_range() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    resize = Resolution(0.2, 1.5, p=1.0)
    sides = np.array([resize(image=picture)["image"].shape[0] for _ in range(400)])
    assert sides.min() >= 40
    assert sides.max() <= 300
    assert np.median(sides) == pytest.approx(200 * np.sqrt(0.2 * 1.5), rel=0.12)


def test_regions_of_far_more_pixels_than_needed_are_reduced() -> None:
    small, box = np.zeros((150, 150, 3), np.uint8), Box(30, 40, 90, 80)
    assert reduced_region(small, box, size=32) == (small, box)
    large = cv2.resize(FRAME, (1500, 1500))
    region, reduced = reduced_region(large, Box(300, 400, 900, 800), size=32)
    assert 2 * REACH * 32 * 0.9 <= region.shape[0] < 2 * 2 * REACH * 32
    before = face_pixels(large, Box(300, 400, 900, 800), size=32, margin=0.0)
    after = face_pixels(region, reduced, size=32, margin=0.0)
    assert np.abs(before.astype(int) - after).mean() < 3


def test_an_unknown_augmentation_is_refused() -> None:
    with pytest.raises(InputError, match="no augmentation 'strong': expected one of standard, xception"):
        _varied(0, "strong")


def test_processes_that_measure_devices_load_no_albumentations() -> None:
    code = "import sys, training.evaluate; sys.exit('albumentations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_a_picture_edge_lies_in_the_crop_and_is_repeated_outwards() -> None:
    region = np.random.default_rng(0).integers(0, 256, (155, 155, 3), np.uint8)  # the crop: 27…127
    for seed in range(20):
        cut = A.Compose([PictureEdge(0.25, p=1.0)], seed=seed)(image=region)["image"]
        changed = np.argwhere((cut != region).any(axis=2))
        (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
        depth = min(bottom + 1, right + 1, 155 - top, 155 - left)
        assert 27 <= depth <= 27 + 26
        turns = next(k for k in range(4) if (np.rot90(cut, k)[0] == np.rot90(cut, k)[depth]).all())
        assert (np.rot90(cut, turns)[: depth + 1] == np.rot90(region, turns)[depth]).all()
        assert (np.rot90(cut, turns)[depth:] == np.rot90(region, turns)[depth:]).all()

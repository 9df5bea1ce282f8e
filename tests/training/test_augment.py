import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box
from edgefake.errors import InputError
from edgefake.faces.geometry import CropMode
from edgefake.preprocessing import face_pixels
from tests.drawn import drawn_face
from training.augment import (
    AUGMENTATIONS,
    REACH,
    A,
    FaceCrop,
    PictureEdge,
    Resolution,
    Turn,
    augmented_face,
    face_region,
    reduced_region,
    seeded,
)

FRAME = drawn_face(np.random.default_rng(0), fake=True)
BOX = Box(22, 14, 52, 68)


def _varied(seed: int, augmentation: str = "standard") -> np.ndarray:
    region, box = face_region(FRAME, BOX, 0.3)
    return augmented_face(region, box, size=32, margin=0.3, rng=np.random.default_rng(seed), augmentation=augmentation)


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
@pytest.mark.parametrize("box", [Box(30, 30, 40, 36), Box(-4, 10, 30, 30), Box(50, 60, 44, 44), Box(10, -20, 80, 100)])
def test_the_crop_of_the_region_is_the_devices(box: Box, margin: float) -> None:
    region, inside = face_region(FRAME, box, margin)
    assert region.shape[0] == region.shape[1] == min(round(box.size * (1 + margin) * REACH), *FRAME.shape[:2])
    expected = face_pixels(FRAME, box, size=32, margin=margin)
    np.testing.assert_array_equal(face_pixels(region, inside, size=32, margin=margin), expected)
    crop = _applied(FaceCrop(32, margin, shift=0.0, zoom=0.0), region, inside)[0]
    assert np.abs(crop.astype(int) - expected).mean() < 4  # half a pixel off at most


@pytest.mark.parametrize("mode", ["reflect", "constant"])
@pytest.mark.parametrize("box", [Box(30, 30, 40, 36), Box(-4, 10, 30.2, 30.2), Box(50, 60, 44, 44), Box(0, 0, 60, 70)])
def test_a_region_with_a_border_has_the_devices_crop_too(box: Box, mode: CropMode) -> None:
    region, inside = face_region(FRAME, box, 0.3, mode)
    expected = face_pixels(FRAME, box, size=32, margin=0.3, mode=mode)
    np.testing.assert_array_equal(face_pixels(region, inside, size=32, margin=0.3, mode=mode), expected)
    crop = _applied(FaceCrop(32, 0.3, shift=0.0, zoom=0.0, mode=mode), region, inside)[0]
    assert np.abs(crop.astype(int) - expected).mean() < 5


def _applied(transform: A.BasicTransform, region: np.ndarray, box: Box, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The picture, and the middle and size of the face in it."""
    pipeline = A.Compose([A.NoOp(), transform], keypoint_params=A.KeypointParams("xys", remove_invisible=False), seed=seed)
    answer = pipeline(image=region, keypoints=[(box.x + box.width / 2, box.y + box.height / 2, box.size)])
    return answer["image"], np.array(answer["keypoints"][0])


def _places(side: int = 256) -> np.ndarray:
    """A picture whose every pixel tells where it is: x and y are its last two channels. 0 is nowhere."""
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    return np.dstack([np.full_like(x, 9), y, x]).astype(np.uint8)


def test_shift_and_zoom_stay_within_what_they_state() -> None:
    region, box = face_region(_places(), Box(78, 78, 100, 100), 0.3)
    middles, widths = [], []
    for seed in range(200):
        crop = _applied(FaceCrop(65, 0.3, 0.08, 0.15), region, box, seed)[0]  # RGB
        middles.append(crop[32, 32, :2].astype(int) - 128)
        widths.append(int(crop[32, 64, 0]) - int(crop[32, 0, 0]))
    assert 6 < np.abs(middles).max() < 8 + 2
    assert 0.85 < np.min(widths) / 128 < 0.9
    assert 1.1 < np.max(widths) / 128 < 1.17


@pytest.mark.parametrize("make", [lambda: Turn(20, 8.5, p=1.0), lambda: PictureEdge(0.3, 0.25, p=1.0)])
@pytest.mark.parametrize("box", [Box(100, 90, 60, 70), Box(2, 5, 120, 150), Box(150, -20, 120, 120)])
def test_geometry_invents_no_border_and_takes_the_face_along(make: Callable[[], A.BasicTransform], box: Box) -> None:
    cut = set()
    for seed in range(30):
        picture, (x, y, size) = _applied(make(), _places(), box, seed)
        assert (picture[..., 0] == 9).all()  # nothing is brought in from outside, where all is 0
        if 1 < x < picture.shape[1] - 2 and 1 < y < picture.shape[0] - 2:
            place = picture[round(y), round(x), :0:-1].astype(float)
            np.testing.assert_allclose(place, (box.x + box.width / 2, box.y + box.height / 2), atol=1.5)
        assert size == box.size
        cut.add(picture.shape[:2])
    assert len(cut) > 5


def test_a_picture_edge_lies_in_the_crop_on_one_side() -> None:
    sides = set()
    for seed in range(40):
        picture, _ = _applied(PictureEdge(0.25, 0.25, p=1.0), _places(), Box(80, 80, 80, 80), seed)  # the crop: 70…170
        top, left, bottom, right = *picture[0, 0, 1:].astype(int), *picture[-1, -1, 1:].astype(int)
        depths = np.array([top - 70, left - 70, 169 - bottom, 169 - right])
        moved = np.array([top, left, bottom != 255, right != 255]) != 0
        assert moved.sum() == 1 and -1 <= depths[moved][0] <= 26
        sides.add(int(moved.argmax()))
    assert sides == {0, 1, 2, 3}


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
@pytest.mark.parametrize("box", [Box(0, 0, 2, 3), Box(90, 90, 60, 60), Box(-50, -50, 51, 51), Box(-20, -20, 140, 140)])
def test_faces_at_the_edge_and_tiny_ones_can_be_varied(box: Box, augmentation: str) -> None:
    region, inside = face_region(FRAME, box, 0.3)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        face = augmented_face(region, inside, size=32, margin=0.3, rng=rng, augmentation=augmentation)
        assert face.shape == (32, 32, 3)


def test_resolution_is_log_uniform_in_its_range() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    resize = Resolution(0.2, 1.5, p=1.0)
    sides = np.array([resize(image=picture)["image"].shape[0] for _ in range(400)])
    picture, face = _applied(resize, np.zeros((100, 200, 3), np.uint8), Box(20, 30, 40, 50))
    np.testing.assert_allclose(face, np.array([40, 55, 50]) * picture.shape[0] / 100, rtol=0.02)
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
    with pytest.raises(InputError, match=r"'strong': .*standard, wide, xception"):
        _varied(0, "strong")


def test_processes_that_measure_devices_load_no_albumentations() -> None:
    code = "import sys, training.evaluate; sys.exit('albumentations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgefake import Box, read_image
from edgefake.errors import InputError
from training.augment import face_region
from training.batches import all_pixels, sample_pixels
from training.samples import Sample
from training.self_blend import EYES_TO_MOUTH, face_outline, self_blended, with_self_blends

FACE = Box(95, 165, 285, 285)  # in the portrait


@pytest.fixture(scope="module")
def region(portrait: Path) -> tuple[np.ndarray, Box]:
    return face_region(read_image(portrait), FACE, 0.3)


def test_a_blend_differs_in_the_face_or_all_around_it(region: tuple[np.ndarray, Box]) -> None:
    picture, box = region
    kept = picture.copy()
    surroundings = np.ones(picture.shape[:2], bool)
    surroundings[int(box.y) : int(box.y + box.height), int(box.x) : int(box.x + box.width)] = False
    unchanged_around = 0
    for seed in range(40):
        blend = self_blended(picture, box, None, np.random.default_rng(seed))
        assert blend.shape == picture.shape
        assert blend.dtype == np.uint8
        assert np.abs(blend.astype(int) - picture).mean() > 0.1
        around = np.abs(blend.astype(int) - picture)[surroundings].mean()
        inside = np.abs(blend.astype(int) - picture)[~surroundings].mean()
        if around < 0.05:  # the source was changed, so that the surroundings are the original's
            unchanged_around += 1
            assert inside > 0.1
        np.testing.assert_array_equal(blend, self_blended(picture, box, None, np.random.default_rng(seed)))
    assert 10 < unchanged_around < 30
    np.testing.assert_array_equal(picture, kept)


def test_the_outline_fills_the_box_and_turns_with_the_face() -> None:
    box = Box(100, 200, 120, 160)
    upright = face_outline(box, None, np.random.default_rng(1))
    assert upright[:, 0].min() >= 100
    assert upright[:, 0].max() <= 220
    assert upright[:, 1].min() >= 200
    assert upright[:, 1].max() <= 360
    assert np.ptp(upright[:, 0]) > 0.85 * 120
    assert np.ptp(upright[:, 1]) > 0.6 * 160
    same = face_outline(box, (0.0, EYES_TO_MOUTH), np.random.default_rng(1))
    np.testing.assert_allclose(same, upright)
    left = face_outline(Box(100, 200, 160, 160), (-EYES_TO_MOUTH, 0.0), np.random.default_rng(1))
    assert left[0, 0] == pytest.approx(100 + 80 - 0.48 * 160, abs=8)  # the chin, which comes first, points to the left
    assert left[0, 1] == pytest.approx(200 + 80, abs=8)


def test_every_real_face_gets_a_twin(tmp_path: Path) -> None:
    real, fake = (Sample(tmp_path / str(label), label, "train", FACE) for label in (0, 1))
    assert with_self_blends([real, fake]) == [real, replace(real, label=1, self_blend=True), fake]
    with pytest.raises(InputError, match=r"real.*fake"):
        with_self_blends([real, replace(fake, label=2)])


def test_without_variation_a_blend_is_always_the_same(portrait: Path) -> None:
    real, twin = with_self_blends([Sample(portrait, 0, "val", FACE)])
    pixels = all_pixels([real, twin, twin], size=64, margin=0.3)
    np.testing.assert_array_equal(pixels[1], pixels[2])
    assert np.any(pixels[0] != pixels[1])
    np.testing.assert_allclose(pixels[0].mean((0, 1)), pixels[1].mean((0, 1)), atol=30)  # RGB, as the unblended one


def test_a_twin_is_varied_like_its_original(portrait: Path) -> None:
    _, twin = with_self_blends([Sample(portrait, 0, "train", FACE)])
    one, two, other = (sample_pixels(twin, size=64, margin=0.3, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.any(one != other)


def test_a_face_at_the_edge_of_its_picture_can_be_blended(portrait: Path) -> None:
    frame = read_image(portrait)
    region, box = face_region(frame, Box(-60, -40, 200, 200), 0.3)
    assert self_blended(region, box, (0.1, 0.3), np.random.default_rng(0)).shape == region.shape


def test_no_edge_is_repeated_where_the_moved_face_leaves_the_picture() -> None:
    picture = np.full((200, 200, 3), 60, np.uint8)
    picture[:, 0] = 255
    for seed in range(30):
        blend = self_blended(picture, Box(-60, 10, 180, 180), None, np.random.default_rng(seed))
        assert ((blend[..., 1] > 120).sum(axis=1) <= 4).all()  # the line itself, moved, and as it was

import numpy as np
import pytest

from edgefake import Box
from edgefake.faces.geometry import CropMode
from edgefake.preprocessing import face_pixels
from edgefake.quality import sharpness
from tests.drawn import drawn_face
from training.degrade import CONDITIONS, DEGRADATIONS, INFLUENCES

BOX = Box(22, 14, 52, 68)


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    picture = drawn_face(np.random.default_rng(4), fake=True)[:, :95]  # an odd width
    picture.flags.writeable = False
    return picture


def _difference(frame: np.ndarray, name: str) -> float:
    degraded, _ = DEGRADATIONS[name].apply(frame, BOX)
    return float(np.abs(degraded.astype(float) - frame).mean())


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_same_picture_is_degraded_alike_and_the_face_stays_in_its_box(frame: np.ndarray, name: str) -> None:
    degraded, box = DEGRADATIONS[name].apply(frame, BOX)
    assert degraded.dtype == np.uint8
    np.testing.assert_array_equal(degraded, DEGRADATIONS[name].apply(frame.copy(), BOX)[0])
    face, clean = (face_pixels(*pair, size=32, margin=0.2).astype(float) for pair in ((degraded, box), (frame, BOX)))
    assert np.corrcoef(face.ravel(), clean.ravel())[0, 1] > 0.95


def test_clean_is_the_picture_itself(frame: np.ndarray) -> None:
    assert DEGRADATIONS["clean"].apply(frame, BOX) == (frame, BOX)


def test_lower_jpeg_quality_costs_more(frame: np.ndarray) -> None:
    assert 0 < _difference(frame, "jpeg75") < _difference(frame, "jpeg50") < _difference(frame, "jpeg30")


def test_blur_is_relative_to_the_face(frame: np.ndarray) -> None:
    face = face_pixels(frame, BOX, size=64, margin=0.0)
    large = np.kron(frame, np.ones((3, 3, 1), np.uint8))
    large_box = Box(3 * BOX.x, 3 * BOX.y, 3 * BOX.width, 3 * BOX.height)
    blurred = [
        face_pixels(*DEGRADATIONS["blur"].apply(picture, box), size=64, margin=0.0)
        for picture, box in ((frame, BOX), (large, large_box))
    ]
    assert sharpness(blurred[0], BOX.size) < 0.8 * sharpness(face, BOX.size)
    assert sharpness(blurred[1], BOX.size) == pytest.approx(sharpness(blurred[0], BOX.size), rel=0.1)


def test_half_scales_the_box_along(frame: np.ndarray) -> None:
    degraded, box = DEGRADATIONS["half"].apply(frame, BOX)
    assert degraded.shape == (48, 47, 3)
    assert (box.y, box.height) == (7, 34)
    assert (box.x, box.width) == pytest.approx((22 * 47 / 95, 52 * 47 / 95))


def test_noise_has_the_stated_strength_and_differs_between_pictures() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    noise = DEGRADATIONS["noise"].apply(grey, BOX)[0].astype(float) - 128
    assert noise.std() == pytest.approx(8, rel=0.02)
    assert abs(noise.mean()) < 0.1
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02
    other = DEGRADATIONS["noise"].apply(grey + 1, BOX)[0].astype(float) - 129
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.02


def crop(frame: np.ndarray, name: str, box: Box = BOX) -> np.ndarray:
    return face_pixels(*INFLUENCES[name].apply(frame, box), size=64, margin=0.3).astype(float)


@pytest.mark.parametrize("name", ["closer", "wider", "shifted", "tight", "tight_reflect", "tight_constant", "sharp", "grey"])
def test_influences_keep_the_face_and_change_the_crop(frame: np.ndarray, name: str) -> None:
    clean = face_pixels(frame, BOX, size=64, margin=0.3).astype(float)
    changed = crop(frame, name)
    assert np.abs(changed - clean).mean() > 0.5
    assert abs(changed[24:40, 24:40].mean() - clean[24:40, 24:40].mean()) < 15


@pytest.mark.parametrize("name", ["reflect", "constant"])
def test_borders_are_invented_only_where_the_crop_leaves_the_picture(frame: np.ndarray, name: str) -> None:
    np.testing.assert_array_equal(crop(frame, name), face_pixels(frame, BOX, size=64, margin=0.3))
    corner = Box(-10, -10, 52, 52)
    assert np.abs(crop(frame, name, corner) - face_pixels(frame, corner, size=64, margin=0.3)).mean() > 3


@pytest.mark.parametrize("name", ["reflect", "constant"])
@pytest.mark.parametrize("box", [Box(-10, -10, 52, 52), Box(60, 50, 60, 70), Box(0, 0, 95, 96), Box(-30, 40, 44, 40)])
def test_borders_are_those_of_the_crop_modes(frame: np.ndarray, name: CropMode, box: Box) -> None:
    np.testing.assert_array_equal(crop(frame, name, box), face_pixels(frame, box, size=64, margin=0.3, mode=name))


def test_a_constant_border_is_grey(frame: np.ndarray) -> None:
    assert (crop(frame, "constant", Box(-10, -10, 52, 52))[0] == 128).all()


def test_a_face_beyond_the_picture_can_be_cut_tight(frame: np.ndarray) -> None:
    cut, box = INFLUENCES["tight"].apply(frame, Box(80, -20, 40, 60))
    assert cut.shape == (40, 15, 3)
    assert (box.x, box.y) == (0, -20)


def test_every_condition_says_what_it_is() -> None:
    assert len({condition.what for condition in CONDITIONS.values()}) == len(CONDITIONS)

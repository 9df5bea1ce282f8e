"""From crop to model input: bit-exact, and without aliasing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefake import Box
from edgefake.preprocessing import coloured, face_pixels, resize_square, to_float, to_grey, to_int8

SCALE, ZERO_POINT = 1 / 128, 0


def quantized(x: np.ndarray) -> np.ndarray:
    return np.clip(np.round(x / np.float32(SCALE)) + ZERO_POINT, -128, 127).astype(np.int8)


def test_int8_is_the_quantized_float_for_every_pixel_value() -> None:
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_int8(every), quantized(to_float(every)))
    assert np.array_equal(to_float(every), ((every.astype(np.float64) - 128) / 128).astype(np.float32))


@given(st.integers(0, 2**32 - 1))
def test_int8_is_the_quantized_float_for_images(seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (2, 9, 7, 3), dtype=np.uint8)
    assert np.array_equal(to_int8(pixels), quantized(to_float(pixels)))


def test_resize_keeps_a_crop_of_the_right_size() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(resize_square(crop, 32), crop)
    assert resize_square(crop[::-1], 32).flags.c_contiguous


@pytest.mark.parametrize("ratio", [2, 3, 5])
def test_integer_ratio_is_the_area_mean(ratio: int) -> None:
    crop = np.random.default_rng(ratio).integers(0, 256, (16 * ratio, 16 * ratio, 3), dtype=np.uint8)
    mean = crop.reshape(16, ratio, 16, ratio, 3).astype(np.float64).mean(axis=(1, 3))
    assert np.abs(resize_square(crop, 16) - mean).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("side", [64, 65, 71, 96, 127, 128, 200, 333])
def test_a_fine_checkerboard_becomes_grey(side: int) -> None:
    y, x = np.mgrid[:side, :side]
    board = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    small = resize_square(board, 32)
    assert np.abs(small.astype(int) - 127.5).max() <= 30  # plain bilinear resizing gives 0 and 255 here


@pytest.mark.parametrize("side", [1, 5, 31, 33, 63, 64, 100])
def test_flat_crops_stay_flat_at_every_size(side: int) -> None:
    assert np.array_equal(resize_square(np.full((side, side, 3), 77, np.uint8), 32), np.full((32, 32, 3), 77, np.uint8))


def test_face_pixels_are_rgb_and_contiguous() -> None:
    frame = np.zeros((50, 80, 3), np.uint8)
    frame[...] = (10, 20, 30)  # BGR
    pixels = face_pixels(frame, Box(20, 10, 20, 24), size=16, margin=0.3)
    assert pixels.shape == (16, 16, 3) and pixels.dtype == np.uint8 and pixels.flags.c_contiguous
    assert np.array_equal(pixels, np.broadcast_to(np.uint8((30, 20, 10)), (16, 16, 3)))


def test_face_pixels_cut_what_the_box_and_margin_say() -> None:
    frame = np.random.default_rng(5).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    pixels = face_pixels(frame, Box(30, 40, 20, 10), size=40, margin=1.0)
    assert np.array_equal(pixels, frame[25:65, 20:60, ::-1])
    assert not np.shares_memory(pixels, frame)


@pytest.mark.parametrize("shape", [(5, 7, 3), (1, 5, 7, 3), (4, 5, 7, 3)])
def test_colours_are_turned_only_where_they_come_in_the_other_order(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for order, came in (("RGB", "RGB"), ("BGR", "BGR")):
        assert coloured(pixels, order, given=came) is pixels
    for order, came in (("RGB", "BGR"), ("BGR", "RGB")):
        turned = coloured(pixels, order, given=came)
        assert np.array_equal(turned, pixels[..., ::-1]) and turned.flags.c_contiguous
    assert np.array_equal(coloured(pixels[..., ::-1], "BGR"), pixels)


def test_grey_is_weighted_by_bt_601() -> None:
    faces = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    grey = to_grey(faces)
    assert grey.shape == (3, 5, 7, 1) and grey.dtype == np.uint8
    assert np.abs(grey[..., 0] - faces @ np.array([0.299, 0.587, 0.114])).max() <= 0.51
    assert np.array_equal(to_grey(np.ascontiguousarray(faces[..., ::-1]), bgr=True), grey)

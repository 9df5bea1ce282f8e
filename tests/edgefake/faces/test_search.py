"""Where faces are looked for: nothing of a frame is left out, and the cost is bounded."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefake.faces.finders import Find
from edgefake.faces.search import (
    FAST_TILES,
    LAP,
    LARGEST_IN_TILE,
    MOST_TILES,
    SEEN,
    SMALLEST_FACE,
    STEP,
    Level,
    plan,
    reduced,
)

INPUT = {"input_width": 320, "input_height": 192}
sides = st.one_of(st.integers(1, 400), st.integers(1, 40_000))
finds = st.sampled_from(["fast", "full"])


def levels(width: int, height: int, find: Find) -> tuple[Level, ...]:
    return plan(width, height, find=find, **INPUT)


def passes(width: int, height: int, find: Find) -> int:
    return sum(len(level.tiles) for level in levels(width, height, find))


@given(sides, sides, finds)
@settings(max_examples=300, deadline=None)
def test_every_copy_is_covered_and_the_last_shows_the_frame_in_one_piece(width: int, height: int, find: Find) -> None:
    found = levels(width, height, find)
    assert len(found[-1].tiles) == 1 and found[-1].width <= 320 and found[-1].height <= 192
    most = MOST_TILES if find == "full" else FAST_TILES
    assert len(found[0].tiles) <= most and passes(width, height, find) <= 1.6 * most + 3
    for level in found:
        assert level.width <= width and level.height <= height
        for length, tile, axis in ((level.width, 320, 0), (level.height, 192, 1)):
            starts = sorted({place[axis] for place in level.tiles})
            assert starts[0] == 0 and starts[-1] == max(0, length - tile)
            assert all(after - before <= tile - LAP + 1 for before, after in itertools.pairwise(starts))


@given(sides, sides, finds)
@settings(deadline=None)
def test_a_face_too_small_in_one_copy_fits_where_the_tiles_of_the_next_overlap(width: int, height: int, find: Find) -> None:
    found = levels(width, height, find)
    for larger, smaller in itertools.pairwise(found):
        ratio = max(larger.width / smaller.width, larger.height / smaller.height)
        if min(smaller.width, smaller.height) >= 100:  # otherwise rounding decides
            assert ratio <= STEP * 1.02
            assert SEEN * ratio <= LAP <= LARGEST_IN_TILE


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (4000, 3000), (720, 1280), (2000, 500), (640, 480), (40, 40)])
def test_full_sees_the_smallest_face_and_fast_takes_less(size: tuple[int, int]) -> None:
    assert levels(*size, "full")[0].width / size[0] * SMALLEST_FACE >= min(SEEN, SMALLEST_FACE) * 0.9
    assert passes(*size, "fast") <= passes(*size, "full")


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (640, 480), (2560, 1080), (300, 300), (3840, 2160)])
def test_a_stream_of_a_usual_shape_takes_one_pass(size: tuple[int, int]) -> None:
    assert passes(*size, "fast") == 1


def test_frames_too_large_for_the_full_cost_are_searched_all_the_same() -> None:
    (largest, *_), huge = levels(40_000, 30_000, "full"), 40_000
    assert len(largest.tiles) > MOST_TILES / 2
    assert largest.width / huge < SEEN / SMALLEST_FACE  # and only larger faces are found


def test_reducing_keeps_the_mean_and_the_place() -> None:
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[:, 640:] = 200
    small = reduced(picture, 320, 180)
    assert small.shape == (180, 320, 3)
    assert small.mean() == pytest.approx(picture.mean(), abs=0.5)
    assert (small[:, :159] == 0).all() and (small[:, 161:] == 200).all()
    lines = np.zeros((512, 512, 3), np.uint8)
    lines[::4] = 200  # which bilinear resizing alone would miss or double
    assert reduced(lines, 100, 100).std() < 12
    assert reduced(picture, 1280, 720) is picture
    assert reduced(picture[:1, :5000], 320, 1).shape == (1, 320, 3)


def test_a_huge_frame_is_reduced_without_large_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (901, 1203, 3), dtype=np.uint8)
    usual = reduced(picture, 120, 90)
    monkeypatch.setattr("edgefake.faces.search.HUGE", 1000)
    direct = reduced(picture, 120, 90)
    assert direct.shape == usual.shape
    assert np.abs(direct.astype(int) - usual).mean() < 12  # noise, averaged over the same places

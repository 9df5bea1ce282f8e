from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest

from benchmarks.allocations import Allocations, allocations


def test_counts_what_the_result_holds() -> None:
    assert allocations(lambda: [object() for _ in range(50)]).blocks >= 50


def test_counts_nothing_where_nothing_is_made() -> None:
    assert allocations(lambda: None) == Allocations(0, 0)


def test_what_is_freed_shows_only_in_the_peak() -> None:
    freed = allocations(lambda: bool(bytearray(1_000_000)))
    assert freed.blocks == 0
    assert freed.peak_bytes >= 1_000_000


def test_counts_the_data_of_arrays_from_numpy_and_from_opencv() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    for call in (picture.copy, lambda: cv2.flip(picture, 1)):
        assert picture.nbytes <= allocations(call).peak_bytes < 1.1 * picture.nbytes


def test_tracing_stops_even_after_a_call_that_fails() -> None:
    answers = iter([1])  # for the call that is not traced
    with pytest.raises(StopIteration):
        allocations(lambda: next(answers))
    assert not tracemalloc.is_tracing()

"""One server for the tests that need nothing special of it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from tests.edgefake.serve.serving import Held, Serving, serving, small


@pytest.fixture(scope="session")
def served() -> Iterator[Serving]:
    with serving(small) as running:
        yield running


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """Noise, 96×96."""
    noise = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()

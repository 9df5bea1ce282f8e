"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def portrait() -> Path:
    """A 480×600 JPEG of one frontal face (rendered by ``tests/images/draw_portrait.py``)."""
    return Path(__file__).parent / "images" / "portrait.jpg"

"""The face finder's network with few layers, for tests of what is around it: every kind of layer is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from training.finder import network


@contextmanager
def small_network() -> Iterator[None]:
    """What is built inside is small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "BLOCKS", (1, 1, 1, 1))
        patch.setattr(network, "CHANNELS", 24)
        yield

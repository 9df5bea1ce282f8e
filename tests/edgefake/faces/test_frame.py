"""The frame that is a face itself."""

from __future__ import annotations

import numpy as np

from edgefake import Box
from edgefake.faces.frame import WholeFrame
from edgefake.testing import check_finder


def test_the_contract() -> None:
    check_finder(WholeFrame(), np.zeros((60, 90, 3), np.uint8), box=Box(0, 0, 90, 60))

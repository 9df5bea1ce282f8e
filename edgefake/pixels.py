"""``Pixels``: the type of every picture here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""A frame or crop (H, W, 3), or a batch of them (N, H, W, 3); what a channel means, and its order, is the function's to say."""

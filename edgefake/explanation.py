"""What in a face speaks for fake and what for real, where the model gives no map of its own: occlusion (Zeiler & Fergus 2014)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from edgefake import odds
from edgefake.errors import InputError
from edgefake.pixels import Pixels
from edgefake.scorer import Score, Scorer, scored

Map = npt.NDArray[np.float32]
"""(h, w) over a face crop, its first row at the top: positive = speaks for fake, negative = for real."""

Explain = bool | Literal["occlusion"]
"""Whether faces are explained: by the model's own map where it has one, or by occlusion in any case."""

GRID = 7
"""Places of an occlusion map along either side. ``GRID`` squared is the number of runs that it costs."""


def occlusion(scorer: Scorer, crop: Pixels, p_fake: float) -> Map:
    """How much each place of ``crop`` raises p_fake: float32 (``GRID``, ``GRID``), in log-odds.

    A value says how far the log-odds of the crop's own ``p_fake``, as ``scorer`` gives it, fall when a square of two places'
    width around that place is blurred until it shows no more than its colours: neighbouring squares overlap by half. It takes
    ``GRID`` calls of the scorer with as many crops each.
    """
    rows = [[score.p_fake for score in scored(scorer, row)] for row in _occluded(crop)]
    return np.asarray(odds.log_odds(p_fake) - odds.log_odds_of(np.array(rows)), np.float32)


def checked_explain(given: object) -> None:
    """Raise ``InputError`` for what is no ``Explain``."""
    if not isinstance(given, bool) and given != "occlusion":
        raise InputError(f"expected explain=True, False or 'occlusion', got {given!r}")


def evidence_of(scorer: Scorer, crop: Pixels, score: Score, explain: Explain = True) -> tuple[Map, Literal["map", "occlusion"]]:
    """What speaks for fake and for real in ``crop``, which ``scorer`` gave this ``score``, and where that is from."""
    if score.evidence is not None and explain != "occlusion":
        return score.evidence, "map"
    return occlusion(scorer, crop, score.p_fake), "occlusion"


def blurred(crop: Pixels) -> Pixels:
    """``crop`` (uint8, S×S×3) without what a detector looks at: its colours alone are left."""
    return cv2.GaussianBlur(crop, (0, 0), crop.shape[0] / 12)  # type: ignore[return-value]


def _occluded(crop: Pixels) -> Iterator[list[Pixels]]:
    """Row by row of the map, so that memory does not grow with its size."""
    without, side = blurred(crop), crop.shape[0]
    edges = [(max(0, round((i - 0.5) * side / GRID)), round((i + 1.5) * side / GRID)) for i in range(GRID)]
    for top, bottom in edges:
        row = []
        for left, right in edges:
            copy = crop.copy()
            copy[top:bottom, left:right] = without[top:bottom, left:right]
            row.append(copy)
        yield row

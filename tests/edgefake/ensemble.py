"""Two models as one: all that a user writes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgefake import Box, Score, open_scorer
from edgefake.faces.geometry import crop_square
from edgefake.pixels import Pixels


class Ensemble:
    """The mean of several models on the same crop, whatever the sizes of their inputs."""

    def __init__(self, *models: str, num_threads: int = 1) -> None:
        self.members = [open_scorer(model, num_threads=num_threads) for model in models]
        self.name = " + ".join(member.name for member in self.members)
        self.threshold = float(np.mean([member.threshold for member in self.members]))
        self.crop_margin = self.members[0].crop_margin

    def crop(self, frame: Pixels, box: Box | None) -> Pixels:
        return crop_square(frame, box, self.crop_margin)

    def score(self, crops: Sequence[Pixels]) -> list[Score]:
        each = [member.score([member.crop(crop, None) for crop in crops]) for member in self.members]
        return [Score(float(np.mean([score.p_fake for score in scores]))) for scores in zip(*each, strict=True)]

    def close(self) -> None:
        for member in self.members:
            member.close()


def both(num_threads: int) -> Ensemble:
    """For processes, which carry names: ``edgefake benchmark tests.edgefake.ensemble:both``."""
    return Ensemble("cnn_int8", "mobilenet_v2_035_int8", num_threads=num_threads)

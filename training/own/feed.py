"""What a model was fed in its training: the scaling of the pixels and the order of the colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.pixels import Pixels

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Feed:
    """``(pixel - offset) / scale`` of every colour, pixel 0…255; offset and scale in the order the model takes the colours."""

    offset: Triple = (0.0, 0.0, 0.0)
    scale: Triple = (1.0, 1.0, 1.0)
    bgr: bool = False
    by_itself: bool = False
    """Whether the model's own first layers are said to scale the pixels."""

    def __call__(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """The model's input for faces (uint8, (N, S, S, 3), RGB)."""
        ordered = pixels[..., ::-1] if self.bgr else pixels
        return (ordered.astype(np.float32) - np.float32(self.offset)) / np.float32(self.scale)

    def of_scaled(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(A (3, 3), b (3,)) with input = A·x + b for x = (pixel - 128) / 128, RGB."""
        order = np.eye(3)[::-1] if self.bgr else np.eye(3)
        return 128.0 * order / np.array(self.scale)[:, None], (128.0 - np.array(self.offset)) / self.scale


# As keras.applications.imagenet_utils.preprocess_input computes them
FEEDS = {
    "own": Feed(by_itself=True),
    "pixels": Feed(),
    "x/255": Feed(scale=(255.0,) * 3),
    "x/127.5-1": Feed((127.5,) * 3, (127.5,) * 3),
    "torch": Feed((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "caffe": Feed((103.939, 116.779, 123.68), bgr=True),
}


def feed_named(text: str, *, bgr: bool = False) -> Feed:
    """A feed of ``FEEDS``, or ``OFFSET,SCALE`` for all colours; ``bgr`` swaps red and blue. ``InputError`` for anything else."""
    feed = FEEDS.get(text)
    if feed is None:
        try:
            offset, scale = map(float, text.split(","))
        except ValueError:
            raise InputError(
                f"expected --scaling {', '.join(FEEDS)} or OFFSET,SCALE for (pixel - OFFSET) / SCALE, got {text!r}"
            ) from None
        if not scale or not np.isfinite([offset, scale]).all():
            raise InputError(f"expected finite numbers and a SCALE other than 0 in --scaling OFFSET,SCALE, got {text!r}")
        feed = Feed((offset,) * 3, (scale,) * 3)
    return replace(feed, bgr=True) if bgr else feed

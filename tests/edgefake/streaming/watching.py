"""Sinks and frames that the tests of ``watch`` share."""

from __future__ import annotations

import cv2
import numpy as np

from edgefake.pixels import Pixels
from edgefake.sinks import Sink, StreamInfo
from edgefake.streaming.result import FrameResult


class Kept(Sink):
    """A sink that keeps what it gets."""

    uses_frame = True

    def __init__(self) -> None:
        self.results: list[FrameResult] = []
        self.closed = 0
        self.stream: StreamInfo | None = None

    def open(self, stream: StreamInfo) -> None:
        self.stream = stream

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        assert frame is not None and frame.dtype == np.uint8
        self.results.append(result)

    def close(self) -> None:
        self.closed += 1


class Broken(Kept):
    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        raise RuntimeError("their own")

    def close(self) -> None:
        raise RuntimeError("their own")


def textured(size: tuple[int, int] = (320, 240)) -> Pixels:
    """A frame with detail at every scale, so that every crop can be scored."""
    rng = np.random.default_rng(0)
    layers = [rng.integers(0, 256, (size[1] // n, size[0] // n, 3), np.uint8) for n in (1, 4, 16, 32)]
    return np.mean([cv2.resize(layer, size, interpolation=cv2.INTER_CUBIC) for layer in layers], axis=0).astype(np.uint8)

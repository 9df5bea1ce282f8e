"""From pictures to an input tensor, whatever its layout, channels, type, scaling and quantization are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.errors import ModelFileError
from edgefake.pixels import Pixels
from edgefake.preprocessing import to_grey
from edgefake.runtimes.spec import InputSpec, Scaling

_TOP_BIT, _UINT8 = np.uint8(0x80), np.dtype(np.uint8)

RAW = (Scaling(0.0, 1.0), Scaling())
"""What a card may say of a file that takes pixels and scales them itself: just that, or what this project's models see then."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How an input tensor holds pictures: NHWC or NCHW, in colours or grey."""

    height: int
    width: int
    channels: int = 3
    first: bool = False
    """Whether the channels come before the rows, as in PyTorch."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one picture."""
        sides = self.height, self.width
        return (self.channels, *sides) if self.first else (*sides, self.channels)


def find_layout(shape: Sequence[int | None], height: int, width: int) -> Layout | None:
    """That of an input (N, …) for pictures of this size, or None; a side that is left open (None) takes any size."""
    for layout in _layouts(height, width):
        axis = 1 if layout.first else 3
        given = [wanted if d is None else d for d, wanted in zip(shape[1:], layout.shape, strict=False)]
        if len(shape) == 4 and given == list(layout.shape) and shape[axis] == layout.channels:
            return layout
    return None


def layouts_of(spec: InputSpec, batch: int | str) -> str:
    """What ``find_layout`` knows, for people."""
    usual, *others = (f"[{batch}, {', '.join(map(str, layout.shape))}]" for layout in _layouts(spec.height, spec.width))
    return f"{usual} (or {', '.join(others)})"


def _layouts(height: int, width: int) -> list[Layout]:
    return [Layout(height, width, channels, first) for channels in (3, 1) for first in (False, True)]


def check_raw(scaling: Scaling) -> None:
    """Raise ``ModelFileError`` for a card's scaling that a file which takes pixels as they are would not heed."""
    if scaling not in RAW:
        raise ModelFileError(
            "expected Scaling(0, 1) in the card of a model whose uint8 input takes pixels as they are, which its first layers "
            f"scale, got {scaling}"
        )


class InputEncoder:
    """Writes pixels into an input tensor.

    A pixel has 256 values, so scaling and quantization are one table. Where that table is ``pixel - 128`` (every INT8 model
    of this project) it is not needed: the int8 tensor is the pixels with their top bit flipped. A uint8 tensor without a
    quantization takes the pixels themselves. Grey ones are made of the colours first.
    """

    def __init__(
        self, dtype: Any, quantization: tuple[float, int], scaling: Scaling, layout: Layout, *, bgr: bool = False
    ) -> None:
        """``bgr``: the pixels come so. Raises ``ModelFileError`` where the tensor cannot hold what ``scaling`` makes of them."""
        scale, zero_point = quantization
        self.as_is = dtype == np.uint8 and scale <= 0
        values = (np.arange(256, dtype=np.float64) - scaling.offset) / scaling.scale
        if self.as_is:
            check_raw(scaling)
        elif np.issubdtype(dtype, np.integer):
            if scale <= 0:
                raise ModelFileError("the model's integer input has no quantization scale: convert it again with one")
            limits = np.iinfo(dtype)
            values = np.clip(np.round(values / scale) + zero_point, limits.min, limits.max)
        self._table = values.astype(dtype)
        self.flips_top_bit = dtype == np.int8 and bool(np.all(self._table == np.arange(256) - 128))
        self._layout, self._bgr = layout, bgr
        self._plain = layout == Layout(layout.height, layout.width)

    def __call__(self, pixels: Pixels, tensor: npt.NDArray[Any]) -> None:
        """Encode ``pixels`` (uint8, (N, H, W, 3), RGB unless ``bgr``) into ``tensor``, without a copy between."""
        if not self._plain:
            pixels = self._arranged(pixels)
        if self.flips_top_bit:
            np.bitwise_xor(pixels, _TOP_BIT, tensor.view(_UINT8))
        elif self.as_is:
            np.copyto(tensor, pixels)
        else:
            np.take(self._table, pixels, out=tensor, mode="clip")  # "raise" would write through a buffer

    def encoded(self, pixels: Pixels) -> npt.NDArray[Any]:
        """The tensor for ``pixels``: a new one, or where they are taken as they are, they themselves."""
        if self.as_is and self._plain:
            return pixels
        tensor = np.empty((len(pixels), *self._layout.shape), self._table.dtype)
        self(pixels, tensor)
        return tensor

    def _arranged(self, pixels: Pixels) -> Pixels:
        if self._layout.channels == 1:
            pixels = to_grey(pixels, bgr=self._bgr)
        return pixels.transpose(0, 3, 1, 2) if self._layout.first else pixels


def encoder_for(dtype: Any, quantization: tuple[float, int], layout: Layout, spec: InputSpec) -> InputEncoder:
    """The encoder of pictures as ``spec`` says into a tensor of this type and layout. Raises ``ModelFileError``."""
    return InputEncoder(dtype, quantization, spec.scaling, layout, bgr=spec.colour_order == "BGR")

"""From output tensors to float32, whatever their quantization is, and to one answer per picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.errors import ModelFileError
from edgefake.runtimes import Outputs


class OutputDecoder:
    """Dequantises an output tensor. One byte has 256 values, so that for these it is a table."""

    def __init__(self, dtype: Any, quantization: tuple[float, int]) -> None:
        """Raises ``ModelFileError`` for an integer type without a scale."""
        self._scale, self._zero_point = quantization
        self._table: npt.NDArray[np.float32] | None = None
        self._is_float = not np.issubdtype(dtype, np.integer)
        if self._is_float:
            return
        if self._scale <= 0:
            raise ModelFileError("the model has an integer output without a quantization scale: convert it again with one")
        if np.dtype(dtype).itemsize == 1:
            self._table = self._real(np.arange(256, dtype=np.uint8).view(dtype))

    def __call__(self, tensor: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """``tensor`` in its shape: a new array, but for float32."""
        if self._table is not None:
            return self._table.take(tensor, mode="wrap")  # what is below zero counts from its end
        return tensor.astype(np.float32, copy=False) if self._is_float else self._real(tensor)

    def _real(self, tensor: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        return ((tensor.astype(np.float64) - self._zero_point) * self._scale).astype(np.float32)


def of_one(output: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The ``output`` for one picture as (1, …): graphs may leave the batch out, or have all answers in one axis."""
    return output if output.ndim and output.shape[0] == 1 else output[np.newaxis]


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The outputs for some pictures after those for others, as of all at once."""
    return parts[0] if len(parts) == 1 else tuple(np.concatenate(outputs) for outputs in zip(*parts, strict=True))

"""From samples as a file stores them – deep, with transparency, grey – to uint8 BGR on white."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.images.header import Header
from edgefake.pixels import Pixels

_DIM = 1 << 14
"""What is called 16 bits deep and has no brighter sample holds 10, 12 or 14 bits, or is black to the eye."""


def on_white(stored: npt.NDArray[np.generic], header: Header) -> Pixels:
    """``stored`` as OpenCV decodes it (BGR, BGRA or grey) as uint8 BGR. Raises ``InputError`` where white is not known."""
    if stored.ndim == 2 and header.transparent_grey is not None:
        stored = _with_transparent_grey(stored, header)
    elif stored.ndim == 2 and header.alpha:
        raise InputError("is grey with transparency, which OpenCV does not decode in this format: save it without transparency")
    picture = _eight_bits(stored, header)
    if picture.ndim == 2:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)
    if picture.shape[2] == 3:
        return picture
    laid = np.empty((*picture.shape[:2], 3), np.uint8)
    for top in range(0, len(picture), 256):  # in bands: sums need more room than pixels
        band = picture[top : top + 256].astype(np.uint16)
        colours, alpha = band[:, :, :3], band[:, :, 3:]
        if not header.premultiplied:
            colours = (colours * alpha + 127) // 255
        laid[top : top + 256] = np.minimum(colours + (255 - alpha), 255)
    return laid


def as_bgra(stored: npt.NDArray[np.generic], header: Header) -> Pixels:
    """``stored`` as OpenCV decodes it as uint8 BGRA."""
    if stored.ndim == 2 and header.transparent_grey is not None:
        stored = _with_transparent_grey(stored, header)
    picture = _eight_bits(stored, header)
    if picture.ndim == 3 and picture.shape[2] == 4:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGRA if picture.ndim == 2 else cv2.COLOR_BGR2BGRA), np.uint8)


def check_depth(header: Header) -> None:
    """Raises ``InputError`` for integers of a kind that OpenCV does not read."""
    if header.bits > 16 and (header.tags or {}).get(339, (1,))[0] != 3:
        raise InputError(f"holds integers of {header.bits} bits, of which nothing says what is white: save it with 8 or 16 bits")


def _eight_bits(stored: npt.NDArray[np.generic], header: Header) -> Pixels:
    if stored.dtype == np.uint8:
        return np.asarray(stored, np.uint8)
    if stored.dtype not in (np.uint16, np.float32, np.float64):
        raise InputError(f"holds {stored.dtype} samples, of which nothing says what is white: save it with 8 or 16 bits")
    peak = float(np.max(stored[:, :, :3] if stored.ndim == 3 else stored))
    white = header.white if header.white and peak <= header.white else None
    if white is None and stored.dtype != np.uint16:
        raise InputError(
            "holds floating-point samples and does not declare which is white (SMaxSampleValue): save it with 8 or 16 bits"
        )
    if white is None and 0 < peak < _DIM:
        raise InputError(
            f"holds samples up to {peak:.0f} in 16 bits, where white is 65535: if they have 10, 12 or 14 bits, multiply by 64, "
            "16 or 4, or save 8 bits"
        )
    if white is None or white == 0xFFFF:
        shifted = np.empty(stored.shape, np.uint8)
        return np.right_shift(np.asarray(stored, np.uint16), 8, out=shifted, casting="unsafe")
    return np.asarray(cv2.convertScaleAbs(np.asarray(stored, np.float32), alpha=255 / white), np.uint8)


def _with_transparent_grey(stored: npt.NDArray[np.generic], header: Header) -> npt.NDArray[np.generic]:
    opaque = np.iinfo(stored.dtype).max  # type: ignore[type-var]
    key = (header.transparent_grey or 0) * (255 // ((1 << header.bits) - 1) if header.bits < 8 else 1)
    return np.dstack([stored, stored, stored, np.where(stored == key, 0, opaque).astype(stored.dtype)])

"""JPEG, by a decoder that says when it had to guess: OpenCV's writes that to stderr, and gives the pixels all the same."""

from __future__ import annotations

import re

import numpy as np
import simplejpeg

from edgefake.images.header import jpeg_segments
from edgefake.images.tear import is_torn
from edgefake.pixels import Pixels

# What is coded together, by the subsampling of colour: width and height in pixels.
_BLOCKS = {"444": (8, 8), "422": (16, 8), "420": (16, 16), "440": (8, 16), "411": (32, 8), "Gray": (8, 8)}


def decode_jpeg(data: bytes) -> Pixels:
    """The pixels, BGR, as they are stored. Raises ``ValueError`` with the decoder's words where it warned of anything."""
    try:
        picture = np.asarray(simplejpeg.decode_jpeg(data, "BGR"), np.uint8)
    except ValueError as error:
        if not _only_padded(data, str(error)):
            raise
        picture = np.asarray(simplejpeg.decode_jpeg(data, "BGR", strict=False), np.uint8)
    block = _BLOCKS.get(str(simplejpeg.decode_jpeg_header(data, strict=False)[3]))
    if block is not None and is_torn(picture, block):
        raise ValueError("from one block on, all are brighter or darker")
    return picture


def check_jpeg(data: bytes) -> None:
    """Raises ``ValueError`` where the decoder warns of anything."""
    simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1, min_factor=8)


def _only_padded(data: bytes, warning: str) -> bool:
    """Whether all that is wrong are zeros between the last pixel and the end mark, where some cameras leave them."""
    surplus = re.search(r"(\d+) extraneous bytes before marker 0xd9", warning)
    if surplus is None:
        return False
    *_, (_, scan) = jpeg_segments(data, 0)
    end = data.find(b"\xff\xd9", data.index(scan))
    return end > 0 and not any(data[end - int(surplus[1]) : end])

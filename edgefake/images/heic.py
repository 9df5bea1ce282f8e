"""HEIC, the pictures of iPhones, by ``pillow-heif`` where that is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from edgefake.errors import InputError
from edgefake.images.header import Header
from edgefake.pixels import Pixels


def heic_headers(data: bytes) -> list[Header]:
    """The pictures in the file. Raises ``InputError`` without ``pillow-heif``, and ``ValueError`` where it is damaged."""
    with _opened(data) as pictures:
        return [
            Header("HEIC", picture.size[0], picture.size[1], alpha=picture.mode.endswith("A"), start=number)
            for number, picture in enumerate(pictures)
        ]


def decode_heic(data: bytes, header: Header) -> Pixels:
    """BGR or BGRA, upright. Raises ``ValueError`` where it is damaged."""
    with _opened(data) as pictures:
        return np.asarray(pictures[header.start], np.uint8)


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    try:
        import pillow_heif
    except ImportError as error:
        raise InputError("is a HEIC picture: pip install 'edgefake[heic]', or convert it to JPEG") from error
    try:
        yield pillow_heif.open_heif(data, bgr_mode=True)
    except (RuntimeError, EOFError, SyntaxError, TypeError, MemoryError) as error:
        raise ValueError(str(error)) from error

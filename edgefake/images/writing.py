"""Writing pictures."""

from __future__ import annotations

from pathlib import Path

import cv2

from edgefake.errors import InputError
from edgefake.files import write_atomically
from edgefake.pixels import Pixels
from edgefake.text import printable

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def write_image(path: str | Path, image: Pixels, *, private: bool = False) -> None:
    """Write ``image`` (uint8, H×W×3, BGR) in the format that the suffix of ``path`` names, with its folder; replaces an old file.

    With ``private`` nobody but the owner may read it. Raises ``InputError`` when the format is unknown or the file cannot be
    written.
    """
    path = Path(path)
    name = printable(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"expected a file ending in {', '.join(sorted(SUFFIXES))} for the picture, got {name}")
    try:
        encoded, data = cv2.imencode(path.suffix, image)
    except cv2.error as error:
        raise InputError(f"{name} cannot be encoded: {printable(error.err) or 'OpenCV gave no reason'}") from error
    if not encoded:
        raise InputError(f"{name} cannot be encoded: this format takes no array of shape {image.shape}, use another suffix")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data.tobytes(), mode=0o600 if private else 0o666)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name} cannot be written ({reason}): give a folder that can") from error

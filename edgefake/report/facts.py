"""What a file is, told without judging it: size, SHA-256, format, dimensions, and what the camera or program wrote into it."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgefake.errors import InputError
from edgefake.files import plain_path
from edgefake.images import PictureFile
from edgefake.schema import figure, seconds_or_ms
from edgefake.secrets import without_secrets
from edgefake.text import printable

EXIF = {
    "Camera": (0x010F, 0x0110),
    "Lens": (0xA433, 0xA434),
    "Taken": (0x9003, 0x9011),
    "Changed": (0x0132, 0x9010),
    "Software": (0x0131,),
    "Artist": (0x013B,),
    "Copyright": (0x8298,),
    "Description": (0x010E,),
}
"""The tags of EXIF that are told, by name; several are written one behind the other."""
_EXIF_PART, _GPS_PART = 0x8769, 0x8825

_STANDARD = (16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29)
"""The beginning of the table for brightness in the JPEG standard's annex K, row by row."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file, as it was judged. What is not known is None."""

    name: str
    """Without its folder, printable."""
    bytes: int
    sha256: str
    """Of the whole file, in lower-case hexadecimal."""
    format: str | None = None
    """``JPEG``, ``PNG`` …; of a video how its pictures are coded."""
    width: int | None = None
    height: int | None = None
    """In pixels, as it is shown: upright."""
    pictures: int | None = None
    """How many the file holds; of a video its frames, as it says."""
    jpeg_quality: int | None = None
    """1…100, told by the strength of the quantization, where the file is a JPEG."""
    seconds: float | None = None
    fps: float | None = None
    exif: dict[str, str] = field(default_factory=dict)
    """What the camera or a program wrote into it, by the names of ``EXIF``; anybody can change that."""
    has_place: bool | None = None
    """Whether the place is in it (GPS), which a report does not repeat."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        rounded = {"seconds": self.seconds and seconds_or_ms(self.seconds), "fps": self.fps and figure(self.fps)}
        return asdict(self) | rounded


def picture_facts(file: PictureFile, name: str) -> FileFacts:
    """Those of a picture that was opened."""
    header = file.headers[0]
    width, height = (header.height, header.width) if header.turn[0] % 2 else (header.width, header.height)
    facts = FileFacts(
        printable(name), len(file.data), hashlib.sha256(file.data).hexdigest(), header.format, width, height, len(file)
    )
    return _with_exif(facts, file.data)


def video_facts(path: Path, name: str) -> FileFacts:
    """Those of a video that can be opened."""
    facts = plain_facts(path, name)
    with plain_path(path) as full:
        capture = cv2.VideoCapture(full)
    try:
        code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        fps, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        width, height = (round(capture.get(size)) for size in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    finally:
        capture.release()
    coded = printable(code.to_bytes(4, "little").decode("latin-1").strip("\0 "))
    known = 0 < fps < 1000 and 0 < frames < 1e9  # some containers do not tell, or tell nonsense
    return replace(
        facts,
        format=f"video ({coded})" if coded else "video",
        width=width or None,
        height=height or None,
        pictures=round(frames) if known else None,
        fps=fps if known else None,
        seconds=frames / fps if known else None,
    )


def plain_facts(path: Path, name: str) -> FileFacts:
    """Those of any file that can be read. Raises ``InputError`` where it cannot."""
    digest, size = hashlib.sha256(), 0
    try:
        if not os.path.isfile(path):
            raise InputError(f"{printable(without_secrets(str(path)))} is no file: give a picture or a video")
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
                size += len(part)
    except OSError as error:
        raise InputError(f"{printable(path)} cannot be read: {error.strerror or error}") from error
    return FileFacts(printable(name), size, digest.hexdigest())


def _with_exif(facts: FileFacts, data: bytes) -> FileFacts:
    """``facts`` and what Pillow reads of the file without decoding it."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large or damaged pictures, which are read elsewhere
            with Image.open(io.BytesIO(data)) as picture:
                exif = picture.getexif()
                tags = {**exif, **exif.get_ifd(_EXIF_PART)}
                place = bool(exif.get_ifd(_GPS_PART))
                tables = getattr(picture, "quantization", {}) if picture.format in ("JPEG", "MPO") else {}
    except Exception:  # of strangers' bytes Pillow raises anything; what it cannot read is not known
        return facts
    told = {name: " ".join(filter(None, (_value(tags.get(tag)) for tag in numbers))) for name, numbers in EXIF.items()}
    found = {name: value for name, value in told.items() if value}
    return replace(facts, exif=found, has_place=place, jpeg_quality=jpeg_quality(tables[0]) if 0 in tables else None)


def _value(value: Any) -> str:
    return printable(value.replace("\0", " ").strip(), limit=200) if isinstance(value, str) else ""


def jpeg_quality(table: Sequence[int]) -> int:
    """The quality, 1…100, at which libjpeg's ``table`` for brightness (64, row by row) is most like this one."""
    quality = np.arange(100, 0, -1)  # of several that are alike the highest
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables = np.clip((np.outer(scale, _STANDARD) + 50) // 100, 1, 255)
    return int(quality[np.abs(tables - np.asarray(table[: len(_STANDARD)])).sum(axis=1).argmin()])

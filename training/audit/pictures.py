"""What an audit measures of each picture: how it was stored, how its face lies in it, and how to recognise a copy."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import imagehash
import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import get_sampling
from tqdm import tqdm

from edgefake.defaults import DEFAULT_MARGIN
from edgefake.errors import InputError
from edgefake.faces import Box
from edgefake.images import read_image
from edgefake.pixels import Pixels
from edgefake.system import available_cores
from training.samples import Sample

THUMBNAIL = 16
GREY_LEVELS = 1.0
"""A picture whose channels differ by less than this on average is grey: JPEG leaves grey photos a little colour."""

SUBSAMPLING = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0", -1: "other"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One labelled face and the picture that it lies in."""

    sample: Sample
    width: int
    height: int
    file_bytes: int
    file_format: str
    has_exif: bool
    jpeg_tables: str
    """Names the set of quantization tables; "none" in other formats."""
    jpeg_step: float
    """Mean of the luminance table, higher = coarser; NaN in other formats."""
    subsampling: str
    """Of chroma; "none" where it is not a JPEG."""
    grey: bool
    crop_outside: float
    """Share of the square around the face that lies outside the picture, so that the crop is shifted or shrunk."""
    sha256: bytes
    """Of the file."""
    perceptual_hash: int
    """64 bits that survive scaling and recompression: signs of low DCT frequencies (pHash, Zauner 2010)."""
    thumbnail: Pixels
    """uint8, 16×16, grey."""


def measure(samples: Sequence[Sample]) -> tuple[list[Picture], list[str]]:
    """Read every picture once, on all cores: (what was measured, in the order of ``samples``; why others could not be read)."""

    def attempt(sample: Sample) -> Picture | str:
        try:
            return _measure(sample)
        except InputError as error:
            return str(error)

    with warnings.catch_warnings(), ThreadPoolExecutor(available_cores()) as pool:
        warnings.simplefilter("ignore")  # Pillow's, of odd EXIF and of size
        progress = tqdm(pool.map(attempt, samples), desc="auditing", unit="picture", total=len(samples), disable=None)
        results = list(progress)
    return [r for r in results if isinstance(r, Picture)], [r for r in results if isinstance(r, str)]


def _measure(sample: Sample) -> Picture:
    frame = read_image(sample.path)
    data = sample.path.read_bytes()
    file_format, has_exif, tables, sampling = _metadata(sample.path, data)
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    blue, green, red = cv2.split(frame)
    colour = (cv2.norm(blue, green, cv2.NORM_L1) + cv2.norm(green, red, cv2.NORM_L1)) / grey.size
    height, width = grey.shape
    bits = imagehash.phash(Image.fromarray(grey)).hash
    return Picture(
        sample=sample,
        width=width,
        height=height,
        file_bytes=len(data),
        file_format=file_format,
        has_exif=has_exif,
        jpeg_tables=_table_name(tables),
        jpeg_step=float(np.mean(tables[0])) if tables else float("nan"),
        subsampling=sampling,
        grey=colour < GREY_LEVELS,
        crop_outside=_outside(sample.box, width, height),
        sha256=hashlib.sha256(data).digest(),
        perceptual_hash=int.from_bytes(np.packbits(bits).tobytes(), "big"),
        thumbnail=np.asarray(cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA), np.uint8),
    )


def _metadata(path: Path, data: bytes) -> tuple[str, bool, list[list[int]], str]:
    """(format, whether there is EXIF, quantization tables, chroma subsampling) from the head of the file."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            tables = getattr(image, "quantization", {})
            sampling = SUBSAMPLING[get_sampling(image)] if tables else "none"
            return image.format or "unknown", "exif" in image.info, [list(t) for _, t in sorted(tables.items())], sampling
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"the head of {path} cannot be read ({error}): expected JPEG, PNG, BMP, WebP or TIFF") from error


def _table_name(tables: list[list[int]]) -> str:
    if not tables:
        return "none"
    return f"mean {np.mean(tables[0]):.1f} #{hashlib.sha256(repr(tables).encode()).hexdigest()[:6]}"


def _outside(box: Box, width: int, height: int) -> float:
    side = box.size * (1.0 + DEFAULT_MARGIN)
    left, top = box.x + (box.width - side) / 2.0, box.y + (box.height - side) / 2.0
    inside_x, inside_y = min(left + side, width) - max(left, 0.0), min(top + side, height) - max(top, 0.0)
    return 1.0 - max(inside_x, 0.0) * max(inside_y, 0.0) / side**2

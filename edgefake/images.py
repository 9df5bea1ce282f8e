"""Reading and writing pictures."""

from __future__ import annotations

import glob
import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.files import write_atomically

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def read_image(path: str | Path) -> npt.NDArray[np.uint8]:
    """Read a picture as uint8, H×W×3, **BGR**, with its EXIF orientation applied; grey and alpha become BGR.

    Raises ``InputError`` when the file cannot be opened, is empty, is no picture, or is cut short.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not data:
        raise InputError(f"{path} is empty (0 bytes): expected a picture")
    if data.startswith(b"\x89PNG") and b"IEND" not in data:  # told here, because libpng would write to stderr
        raise InputError(f"{path} is a PNG cut short (no end mark): get the whole file")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise InputError(f"{path} cannot be decoded: {error.err or 'OpenCV gave no reason'}") from error
    if image is None:
        raise InputError(
            f"{path} is damaged, cut short or no picture that OpenCV can read: expected JPEG, PNG, BMP, WebP or TIFF"
        )
    return np.asarray(image, np.uint8)


def write_image(path: str | Path, image: npt.NDArray[np.uint8]) -> None:
    """Write ``image`` (uint8, H×W×3, BGR) in the format that the suffix of ``path`` names, with its folder; replaces an old file.

    Raises ``InputError`` when the format is unknown or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(f"cannot write {path}: expected a file ending in {', '.join(sorted(IMAGE_SUFFIXES))}")
    try:
        encoded, data = cv2.imencode(path.suffix, image)
    except cv2.error as error:
        raise InputError(f"{path} cannot be encoded: {error.err or 'OpenCV gave no reason'}") from error
    if not encoded:
        raise InputError(f"{path} cannot be encoded: this format takes no array of shape {image.shape}, use another suffix")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data.tobytes())
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}): give a folder that can") from error


def find_images(source: str) -> list[Path]:
    """The pictures that ``source`` stands for, sorted: a file, a folder with all its subfolders, or a glob pattern.

    A file is taken as it is; in a folder, what ends in one of ``IMAGE_SUFFIXES`` counts. A path without a file stands for itself,
    for ``read_image`` to report. Raises ``InputError`` for a folder without pictures and a pattern without matches.
    """
    if os.path.isdir(source):
        return _in_folder(source)
    if os.path.lexists(source) or not glob.has_magic(source):
        return [Path(source)]
    matches = sorted(glob.glob(source, recursive=True))
    if not matches:
        raise InputError(f"no file matches {source}: check the pattern")
    return [image for match in matches for image in (_in_folder(match) if os.path.isdir(match) else [Path(match)])]


def _in_folder(folder: str) -> list[Path]:
    def stop(error: OSError) -> None:
        raise InputError(f"the folder {error.filename} cannot be read: {error.strerror}") from error

    files = (Path(parent) / name for parent, _, names in os.walk(folder, onerror=stop) for name in names)
    images = sorted(file for file in files if file.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise InputError(f"the folder {folder} holds no pictures: expected files ending in {', '.join(sorted(IMAGE_SUFFIXES))}")
    return images

"""Reading, writing and finding pictures."""

from __future__ import annotations

from edgefake.images.finding import IMAGE_SUFFIXES, VIDEO_SUFFIXES, count_files, find_images, find_in_folder
from edgefake.images.reading import (
    MAX_PIXELS,
    NoPictureError,
    PictureFile,
    TooManyPixelsError,
    is_video,
    read_image,
    read_images,
)
from edgefake.images.writing import write_image

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "VIDEO_SUFFIXES",
    "NoPictureError",
    "PictureFile",
    "TooManyPixelsError",
    "count_files",
    "find_images",
    "find_in_folder",
    "is_video",
    "read_image",
    "read_images",
    "write_image",
]

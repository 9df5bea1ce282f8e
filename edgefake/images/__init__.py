"""Reading, writing and finding pictures."""

from __future__ import annotations

from pathlib import Path

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

SAMPLE = Path(__file__).with_name("portrait.jpg")
"""A portrait of a person who does not exist, drawn by this project, for who has no photo at hand."""

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "SAMPLE",
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

"""Reading pictures: what is accepted becomes uint8 BGR upright, everything else is one clear sentence."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError, read_image
from edgefake.images import write_image

FORMATS = [".jpg", ".png", ".webp", ".bmp", ".tiff"]

# What each EXIF orientation does to the stored pixels to show them upright.
ORIENTATIONS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


def encoded(suffix: str, image: np.ndarray) -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def jpeg_with_orientation(image: np.ndarray, orientation: int) -> bytes:
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_is_applied(tmp_path: Path, photo: np.ndarray, orientation: int) -> None:
    path = tmp_path / "turned.jpg"
    smooth = np.asarray(cv2.GaussianBlur(photo, (0, 0), 5))
    path.write_bytes(jpeg_with_orientation(smooth, orientation))
    upright = ORIENTATIONS[orientation](smooth)
    read = read_image(path)
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).mean() < 3  # JPEG's own error; other orientations are off by far more


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff"])
def test_lossless_formats_give_the_pixels_back(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    write_image(path, photo)
    read = read_image(path)
    assert read.dtype == np.uint8 and np.array_equal(read, photo)


def test_grey_and_16_bit_become_bgr(tmp_path: Path, photo: np.ndarray) -> None:
    grey = photo[:, :, 1]
    (tmp_path / "grey.png").write_bytes(encoded(".png", grey))
    assert np.array_equal(read_image(tmp_path / "grey.png"), np.repeat(grey[..., None], 3, axis=2))
    for suffix in (".png", ".tiff"):
        (tmp_path / "deep").write_bytes(encoded(suffix, photo.astype(np.uint16) * 257))
        assert np.array_equal(read_image(tmp_path / "deep"), photo)


def test_unicode_paths_and_strings(tmp_path: Path, photo: np.ndarray) -> None:
    path = tmp_path / "Gesicht – größer 顔.png"
    path.write_bytes(encoded(".png", photo))
    assert np.array_equal(read_image(str(path)), photo)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_bytes_after_the_picture_are_ignored(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    """Phones append videos and other pictures."""
    path = tmp_path / f"motion{suffix}"
    path.write_bytes(encoded(suffix, photo) + np.random.default_rng(0).bytes(100_000))
    assert read_image(path).shape == photo.shape


@pytest.mark.parametrize("suffix", FORMATS)
def test_truncated_pictures_are_refused(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    """Decoders like to fill what is missing with grey, and grey would be scored."""
    data, path = encoded(suffix, photo), tmp_path / f"cut{suffix}"
    for length in [len(data) * percent // 100 for percent in (1, 10, 30, 50, 70, 90, 99)] + [len(data) - 2, len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match="cut short"):
            read_image(path)


def test_files_that_are_no_picture_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("I am no picture")
    with pytest.raises(InputError, match=r"no picture .*JPEG, PNG, WebP, "):
        read_image(text)
    empty = tmp_path / "empty.jpg"
    empty.touch()
    with pytest.raises(InputError, match="is empty"):
        read_image(empty)
    with pytest.raises(InputError, match="No such"):
        read_image(tmp_path / "missing.jpg")
    with pytest.raises(InputError, match="directory"):
        read_image(tmp_path)


def test_refusals_leave_stderr_clean(tmp_path: Path, photo: np.ndarray) -> None:
    for suffix in (".jpg", ".png", ".webp"):
        data = encoded(suffix, photo)
        (tmp_path / f"cut{suffix}").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.jpg").write_text("I am no picture")
    script = (
        "import sys, pathlib, edgefake\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try: edgefake.read_image(path)\n"
        "    except edgefake.InputError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused"] * 4
    assert done.stderr == ""

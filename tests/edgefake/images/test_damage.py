"""Damage in the middle of a file: where the decoder had to guess there is no picture, and an undamaged one is never refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError, read_image
from tests.edgefake.images.files import encoded, tiff

PROGRESSIVE = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
RESTARTS = [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]
LZW, DEFLATE, PACKBITS, NOTHING = 5, 8, 32773, 1


def refused(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        read_image(path)
    except InputError as error:
        assert "is damaged or cut short" in str(error)
        return True
    return False


def lost_in_the_middle(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes(512) + data[len(data) // 2 + 512 :]


def cut_out(data: bytes) -> bytes:
    return data[: len(data) // 2] + data[len(data) * 6 // 10 :]


def end_mark_put_back(data: bytes) -> bytes:
    return data[: len(data) // 2] + b"\xff\xd9"


@pytest.mark.parametrize("options", [[], PROGRESSIVE, RESTARTS], ids=["baseline", "progressive", "restarts"])
@pytest.mark.parametrize("damage", [lost_in_the_middle, cut_out, end_mark_put_back])
def test_jpeg(tmp_path: Path, photo: np.ndarray, options: list[int], damage: Callable[[bytes], bytes]) -> None:
    whole = encoded(".jpg", photo, options)
    assert not refused(tmp_path / "a.jpg", whole)
    assert refused(tmp_path / "a.jpg", damage(whole))


@pytest.mark.parametrize("subsampling", [0x221111, 0x111111, 0x211111], ids=["420", "444", "422"])
@pytest.mark.parametrize("step", [-40, 12])
def test_blocks_that_are_all_darker_from_one_on(tmp_path: Path, photo: np.ndarray, subsampling: int, step: int) -> None:
    """The decoder notices nothing, because the codes are good ones; an edge of the picture itself is no damage."""
    width, height = {0x221111: (16, 16), 0x111111: (8, 8), 0x211111: (16, 8)}[subsampling]
    options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, subsampling, cv2.IMWRITE_JPEG_QUALITY, 100]
    calm = cv2.GaussianBlur(photo, (0, 0), 5).astype(int) // 2 + 60
    torn, edge = calm.copy(), calm.copy()
    torn[5 * height : 6 * height, 7 * width :] += step
    torn[6 * height :] += step
    edge[5 * height :] += step
    corner = calm.copy()
    corner[5 * height :, 7 * width :] += step
    for picture, damaged in ((torn, True), (calm, False), (edge, False), (corner, False)):
        assert refused(tmp_path / "a.jpg", encoded(".jpg", picture.astype(np.uint8), options)) == damaged


def test_zeros_before_the_end_mark_are_no_damage(tmp_path: Path, photo: np.ndarray) -> None:
    """Some cameras leave them."""
    whole = encoded(".jpg", photo)
    assert whole.endswith(b"\xff\xd9")
    assert not refused(tmp_path / "a.jpg", whole[:-2] + bytes(3) + b"\xff\xd9")
    assert refused(tmp_path / "a.jpg", whole[:-2] + b"\x12\x34\x56\xff\xd9")


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_what_opencv_decodes_is_decoded_alike(tmp_path: Path, photo: np.ndarray, kind: str) -> None:
    picture = photo[:, :, 0] if kind == "grey" else photo
    for width in (320, 319, 17, 1):
        data = encoded(".jpg", picture[:, :width])
        (tmp_path / "a.jpg").write_bytes(data)
        assert np.array_equal(read_image(tmp_path / "a.jpg"), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def test_png_by_its_checksums(tmp_path: Path, photo: np.ndarray) -> None:
    whole = encoded(".png", photo)
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    assert refused(tmp_path / "a.png", bytes(changed))
    text = struct.pack(">I", 1) + b"tEXtx" + b"bad!"
    assert not refused(tmp_path / "a.png", whole[:33] + text + whole[33:])  # no pixel depends on it


def with_compression(photo: np.ndarray, compression: int) -> bytes:
    return encoded(".tiff", photo, [cv2.IMWRITE_TIFF_COMPRESSION, compression])


@pytest.mark.parametrize("compression", [LZW, DEFLATE, PACKBITS, NOTHING], ids=["lzw", "deflate", "packbits", "none"])
@pytest.mark.parametrize("kind", ["photo", "noise", "flat", "grey"])
def test_whole_tiffs_are_read(tmp_path: Path, photo: np.ndarray, compression: int, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    picture = {"photo": photo, "noise": noise, "flat": np.full((700, 300, 3), 9, np.uint8), "grey": photo[:, :, 0]}[kind]
    assert not refused(tmp_path / "a.tif", with_compression(picture, compression))


@pytest.mark.parametrize("compression", [LZW, DEFLATE], ids=["lzw", "deflate"])
def test_damaged_tiffs(tmp_path: Path, photo: np.ndarray, compression: int) -> None:
    """OpenCV fills what is missing with black, or with what was in memory before."""
    whole = with_compression(photo, compression)
    assert refused(tmp_path / "a.tif", lost_in_the_middle(whole))
    rng = np.random.default_rng(0)
    for _ in range(20):
        changed = bytearray(whole)
        for at in rng.integers(1000, len(whole) * 9 // 10, 8):
            changed[at] ^= 0xFF
        assert refused(tmp_path / "a.tif", bytes(changed))


def test_a_tiff_whose_strip_ends_early(tmp_path: Path, photo: np.ndarray) -> None:
    assert refused(tmp_path / "a.tif", tiff(photo, t279=(1000,)))


def test_a_deflated_strip_that_is_whole_but_wrong(tmp_path: Path) -> None:
    """The checksum behind the last byte."""
    grey = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    packed = zlib.compress(grey.tobytes())
    for end in (packed, packed[:-1] + bytes([packed[-1] ^ 1])):
        data = bytearray(tiff(grey, t259=(8,), t279=(len(end),)))
        data[8 : 8 + len(end)] = end
        assert refused(tmp_path / "a.tif", bytes(data)) == (end != packed)


def test_jpeg_inside_a_tiff(tmp_path: Path, photo: np.ndarray) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="OpenCV does not write such TIFFs")
    pillow.fromarray(photo).save(tmp_path / "a.tif", compression="jpeg")
    whole = (tmp_path / "a.tif").read_bytes()
    assert not refused(tmp_path / "a.tif", whole)
    assert refused(tmp_path / "a.tif", lost_in_the_middle(whole))

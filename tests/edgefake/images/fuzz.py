"""Reads mutated pictures of every format: ``python -m tests.edgefake.images.fuzz SEED MUTANTS``.

Prints how many were refused. Ends with a traceback at the first that raises anything but ``InputError``, that is decoded to other
pixels the second time (so that memory was never written), or that takes over 15 seconds.
"""

from __future__ import annotations

import io
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edgefake import InputError, read_images
from edgefake.images.header import png_chunks, png_of
from tests.edgefake.images.files import apng, chunk, encoded, exif, tiff_of, with_chunks

MAX_PIXELS = 4_000_000


def samples() -> Iterator[tuple[str, bytes]]:
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 4), np.uint8)
    translucent = cv2.resize(noise, (96, 72), interpolation=cv2.INTER_CUBIC)
    photo = np.ascontiguousarray(translucent[:, :, :3])
    jpeg = encoded(".jpg", photo)
    block = b"Exif\0\0" + exif(6)
    yield "jpeg", jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:]
    yield "progressive", encoded(".jpg", photo, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    yield "png", with_chunks(encoded(".png", translucent), chunk(b"eXIf", exif(5)))
    yield "apng", apng([photo, photo[::-1]], hidden=photo)
    for number in (1, 5, 8, 32773):
        yield f"tiff {number}", encoded(".tiff", photo, [cv2.IMWRITE_TIFF_COMPRESSION, number])
    yield "pages", tiff_of([photo, photo[:20].astype(np.uint16) * 257], t274=(6,))
    for suffix in (".webp", ".gif", ".avif") if hasattr(cv2, "imwriteanimation") else ():
        animation = cv2.Animation()
        animation.frames, animation.durations = [translucent, translucent[::-1].copy()], [100, 100]
        with tempfile.TemporaryDirectory() as folder:
            if cv2.imwriteanimation(f"{folder}/a{suffix}", animation):
                yield f"animated {suffix}", Path(folder, f"a{suffix}").read_bytes()
    try:
        import pillow_heif
    except ImportError:
        pass
    else:
        heic = io.BytesIO()
        pillow_heif.from_bytes("RGB", photo.shape[1::-1], photo.tobytes()).save(heic)
        yield "heic", heic.getvalue()
    for suffix in (".webp", ".bmp", ".gif", ".avif", ".jp2", ".ppm"):
        try:
            yield suffix, encoded(suffix, photo if suffix in (".bmp", ".ppm", ".jp2") else translucent)
        except cv2.error:
            continue  # not in this OpenCV


def mutant(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    everywhere = rng.random() < 0.5
    for _ in range(int(rng.integers(1, 9))):
        at = int(rng.integers(0, len(changed) if everywhere else min(len(changed), 200)))  # headers matter most
        match int(rng.integers(0, 4)):
            case 0:
                changed[at] = int(rng.integers(0, 256))
            case 1:
                changed[at] ^= 1 << int(rng.integers(0, 8))
            case 2:
                changed[at : at + 4] = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"]).ljust(
                    4, b"\0"
                )
            case 3:
                del changed[at : at + int(rng.integers(1, 20))]
    return bytes(changed)


def with_right_checksums(data: bytes) -> bytes:
    """A PNG whose mutations get past its checksums."""
    try:
        return png_of((kind, body) for kind, body, _ in png_chunks(data))
    except (ValueError, struct.error):
        return data


def main(seed: int, mutants: int) -> None:
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mutant")
        for name, data in samples():
            path.write_bytes(data)
            assert list(read_images(path, max_pixels=MAX_PIXELS)), name
            refused = 0
            for _ in range(mutants):
                changed = mutant(data, rng)
                path.write_bytes(with_right_checksums(changed) if "png" in name and rng.random() < 0.7 else changed)
                started = time.monotonic()
                try:
                    once = list(read_images(path, max_pixels=MAX_PIXELS))
                    for fill in (0x55, 0xAA):
                        _dirty = [np.full_like(picture, fill) for picture in once * 2]
                        del _dirty
                        again = list(read_images(path, max_pixels=MAX_PIXELS))
                        assert all(map(np.array_equal, once, again)), f"{name}: not all of it was written"
                except InputError as error:
                    assert len(str(error)) < 1000
                    refused += 1
                assert time.monotonic() - started < 15, f"{name}: takes too long"
            print(f"{name}: {refused} of {mutants} refused")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

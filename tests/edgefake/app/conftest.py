"""What the tests of the page share; without Streamlit they are skipped."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from tests.edgefake.streaming.videos import moving_face, write_video

pytest.importorskip("streamlit", reason="the extra app is not installed, or this Python is older than 3.11")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    """A second and a half of the drawn face."""
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_face(portrait, 45))


@pytest.fixture(scope="session")
def corrupt_clip(clip: Path) -> Path:
    """One whose index is missing."""
    path = clip.with_name("corrupt.mp4")
    path.write_bytes(clip.read_bytes()[:4000])
    return path


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> dict[str, bytes]:
    """Files named like pictures that are none, or too much of one."""
    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    huge = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return {
        "text.jpg": b"This is no picture.\n" * 50,
        "empty.jpg": b"",
        "cut.jpg": portrait.read_bytes()[:9000],
        "huge.png": b"\x89PNG\r\n\x1a\n" + huge,
    }

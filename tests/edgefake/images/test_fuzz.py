"""Whatever is in a file: a picture or an ``InputError``, in bounded time and memory."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from edgefake import InputError, read_image

ROOT = Path(__file__).parents[3]


def fuzz(seed: int, mutants: int) -> str:
    """In a process of its own, which a decoder may end."""
    command = [sys.executable, "-m", "tests.edgefake.images.fuzz", str(seed), str(mutants)]
    bounded = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))}
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=3600, **bounded)
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
    return run.stdout


def test_mutated_pictures() -> None:
    assert "jpeg: " in fuzz(seed=0, mutants=40)


@pytest.mark.slow
def test_many_mutated_pictures() -> None:
    for seed in range(1, 11):
        fuzz(seed, mutants=2000)


def test_a_directory_whose_tags_all_point_at_the_same_bytes(tmp_path: Path) -> None:
    """Each would be megabytes of numbers."""
    tags = b"".join(struct.pack("<HHII", tag, 1, 1 << 20, 8) for tag in range(300, 20_300))
    head = b"II*\0" + struct.pack("<I", 8 + (1 << 20)) + bytes(1 << 20)
    (tmp_path / "a.tif").write_bytes(head + struct.pack("<H", 20_000) + tags + bytes(4))
    with pytest.raises(InputError, match="damaged"):
        read_image(tmp_path / "a.tif")


def test_directories_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<IHHHIII", 8, 1, 256, 3, 1, 5, 8))
    with pytest.raises(InputError, match="damaged"):
        read_image(tmp_path / "a.tif")

"""Writing pictures: whole, in their folder, and for nobody else where that is asked."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from edgefake import InputError, read_image
from edgefake.images import write_image


def test_writing_makes_the_folder_and_replaces_the_file(tmp_path: Path, photo: np.ndarray) -> None:
    path = tmp_path / "new" / "a.PNG"
    write_image(path, photo[:50])
    write_image(path, photo)
    np.testing.assert_array_equal(read_image(path), photo)
    assert list(path.parent.iterdir()) == [path]


def test_pictures_that_cannot_be_written(tmp_path: Path, photo: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"\.bmp, .*\.png"):
        write_image(tmp_path / "a.gif", photo)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"a\.png"):
        write_image(tmp_path / "file" / "a.png", photo)
    with pytest.raises(InputError, match="encoded"):
        write_image(tmp_path / "a.jpg", np.zeros((1, 70000, 3), np.uint8))  # JPEG ends at 65535
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_private_picture_is_its_owners(tmp_path: Path, photo: np.ndarray) -> None:
    write_image(tmp_path / "open.png", photo)
    write_image(tmp_path / "private.png", photo, private=True)
    assert stat.S_IMODE((tmp_path / "private.png").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "open.png").stat().st_mode) != 0o600


@pytest.mark.parametrize("name", ["a\0.png", "x" * 300 + ".png"])
def test_names_that_no_file_can_have(tmp_path: Path, photo: np.ndarray, name: str) -> None:
    with pytest.raises(InputError, match=r"\.png .*written"):
        write_image(tmp_path / name, photo)

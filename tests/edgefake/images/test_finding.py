"""Which files are looked at."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from edgefake import InputError
from edgefake.images import IMAGE_SUFFIXES, find_images


def test_what_opencv_reads_counts_and_the_rest_is_counted(tmp_path: Path) -> None:
    for name in ("a.HEIC", "b.avif", "c.jfif", "d.jpe", "e.gif", "f.jp2", "g.jpg", "h.txt", "i.mp4", "j", ".k.jpg", ".l/m.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    skipped: Counter[str] = Counter()
    assert [path.name[0] for path in find_images(str(tmp_path), skipped=skipped)] == list("abcdefg")
    assert skipped == {".txt": 1, ".mp4": 1, "": 1}


def test_a_folder_without_pictures_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(InputError, match=r"no pictures.* 1 file \(1 \.txt\)"):
        find_images(str(tmp_path))


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/bilder\xe9"
    os.mkdir(folder)
    for name in (b"/\xe9.jpg", b"/\xff.mp4"):
        open(folder + name, "wb").close()
    assert [os.fsencode(path) for path in find_images(os.fsdecode(folder))] == [folder + b"/\xe9.jpg"]
    (only,) = find_images(os.fsdecode(folder) + "/*.jpg")
    assert os.fsencode(only) == folder + b"/\xe9.jpg"


def test_suffixes_are_lower_case() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES)

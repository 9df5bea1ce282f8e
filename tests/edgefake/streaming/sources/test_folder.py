from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError
from edgefake.streaming.sources import find_source


def test_a_folder_gives_its_pictures_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        assert cv2.imwrite(str(tmp_path / f"frame{number}.png"), np.full((40, 40, 3), number, np.uint8))
    reader = find_source(tmp_path, fps=10).open()
    assert reader.total == 3
    assert [(int(pixels[0, 0, 0]), seconds) for pixels, seconds in reader.frames] == [(1, 0.0), (2, 0.1), (10, 0.2)]
    with pytest.raises(InputError, match="no pictures"):
        (tmp_path / "sub").mkdir()
        find_source(tmp_path / "sub").open()


def test_a_picture_that_cannot_be_read_leaves_its_place_to_the_reason(tmp_path: Path) -> None:
    for number in (1, 3):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((40, 40, 3), np.uint8))
    (tmp_path / "2.png").write_text("no picture")
    (first, _), (second, seconds), (third, _) = find_source(tmp_path, fps=10).open().frames
    assert isinstance(first, np.ndarray) and isinstance(third, np.ndarray)
    assert isinstance(second, InputError) and str(tmp_path / "2.png") in str(second)
    assert seconds == 0.1

"""The face table says where faces are, where their eyes and mouths, and which finder it is of."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError
from training.faces_table import find_faces


def test_faces_are_found_in_a_process_of_its_own_whatever_finds_them(portrait: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((200, 200, 3), 90, np.uint8))
    (tmp_path / "cut.jpg").write_bytes(portrait.read_bytes()[:900])
    pictures = {"face": portrait, "empty": tmp_path / "empty.png", "cut": tmp_path / "cut.jpg"}
    found = find_faces(pictures, "haar")
    assert (list(found.faces), found.faceless, found.finder) == (["face"], ["empty"], "haar")
    assert len(found.unreadable) == 1 and "cut.jpg" in found.unreadable[0]
    with pytest.raises(InputError, match="retina"):
        find_faces(pictures, "retina")

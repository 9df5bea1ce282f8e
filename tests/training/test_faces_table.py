"""The face table says where faces are, where their eyes and mouths, and which finder it is of."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError
from edgefake.models.file import ModelFile
from edgefake.models.store import find_model
from training.faces_table import find_faces, read_faces, write_faces


def test_faces_are_found_in_a_process_of_its_own_whatever_finds_them(portrait: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((200, 200, 3), 90, np.uint8))
    (tmp_path / "cut.jpg").write_bytes(portrait.read_bytes()[:900])
    pictures = {"face": portrait, "empty": tmp_path / "empty.png", "cut": tmp_path / "cut.jpg"}
    found = find_faces(pictures, "haar")
    assert (list(found.faces), found.faceless, found.finder) == (["face"], ["empty"], "haar")
    assert len(found.unreadable) == 1 and "cut.jpg" in found.unreadable[0]
    with pytest.raises(InputError, match="retina"):
        find_faces(pictures, "retina")


def test_a_table_says_which_finder_it_is_of_and_where_eyes_and_mouths_are(portrait: Path, tmp_path: Path) -> None:
    write_faces(tmp_path / "faces.csv", {"face.jpg": portrait})
    with (tmp_path / "faces.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    card = ModelFile(find_model("face_finder_int8")).card
    assert card is not None and row["finder"] == f"{card.name} {card.payload_sha256}"
    assert float(row["score"]) > 0.5
    face = read_faces(tmp_path / "faces.csv")["face.jpg"]
    assert face.box.width > 150
    assert face.upright is not None and abs(face.upright[0]) < 0.1 < face.upright[1]

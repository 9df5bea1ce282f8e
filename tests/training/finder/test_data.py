from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake.errors import InputError
from tests.training.finder.drawn import drawn_photos
from training.finder.data import chosen, read_photos, readable


def _folder(root: Path, table: str, *names: str, name: str = "faces.csv") -> Path:
    for picture in names:
        (root / picture).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / picture), np.zeros((20, 30, 3), np.uint8))
    (root / name).write_text(table)
    return root


def test_pictures_come_with_their_faces_points_and_splits(tmp_path: Path) -> None:
    photos = read_photos(drawn_photos(tmp_path / "data", {"train": 4, "val": 2}))
    assert [photo.split for photo in photos] == ["train"] * 4 + ["val"] * 2
    assert [len(photo.boxes) for photo in photos] == [2, 1, 1, 0, 2, 1]
    first = photos[0]
    assert first.path.is_file()
    assert first.points.shape == (2, 5, 2)
    assert first.sure.all()
    eye, other = first.points[0, 0], first.points[0, 1]
    assert first.boxes[0, 0] < eye[0] < other[0] < first.boxes[0, 0] + first.boxes[0, 2]


def test_flags_and_low_scores_are_ignored_and_points_may_be_missing(tmp_path: Path) -> None:
    rows = "a.png,test,1,1,5,5,,0.9\na.png,test,9,9,5,5,tiny|invalid,0.9\na.png,test,15,9,5,5,tiny,0.61\n"
    (photo,) = read_photos(_folder(tmp_path, "file,split,x,y,w,h,flags,score\n" + rows, "a.png"))
    assert photo.split == "test"
    assert photo.sure.tolist() == [True, False, False]
    assert np.isnan(photo.points).all()


def test_a_table_without_boxes_lists_pictures_without_a_face(tmp_path: Path) -> None:
    (photo,) = read_photos(_folder(tmp_path, "file,source\nsub/a.png,hands\n", "sub/a.png", name="files.csv"))
    assert len(photo.boxes) == 0
    assert photo.split == "train"


def test_without_a_val_part_some_of_train_stands_for_it_and_test_is_never_taken(tmp_path: Path) -> None:
    photos = read_photos(drawn_photos(tmp_path / "data", {"train": 60, "test": 5}))
    train, val, test = (chosen(photos, split) for split in ("train", "val", "test"))
    assert len(train) + len(val) == 60
    assert 0 < len(val) < 20
    assert {photo.path for photo in train}.isdisjoint(photo.path for photo in val)
    assert {photo.split for photo in train + val} == {"train"}
    assert [photo.split for photo in test] == ["test"] * 5
    with_val = read_photos(drawn_photos(tmp_path / "other", {"train": 8, "val": 3}))
    assert [len(chosen(with_val, split)) for split in ("train", "val")] == [8, 3]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("file,x,y,w,h\na.png,1,1,0,5\n", "line 2 .* empty"),
        ("file,x,y,w,h\na.png,1,nan,4,5\n", "line 2 .* finite"),
        ("file,x,y,w,h\na.png,1,,4,5\n", "line 2 .* no face"),
        ("file,x,y,w,h,split\na.png,1,1,4,5,trian\n", "line 2 .* 'trian' .* train, val, test"),
        ("name,x,y,w,h\na.png,1,1,4,5\n", "column file"),
        ("file,x,y,w,h\nb.png,1,1,4,5\n", r"b\.png"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(tmp_path: Path, table: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read_photos(_folder(tmp_path, table, "a.png"))


def test_a_folder_needs_one_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 0 tables"):
        read_photos(tmp_path)
    for name in ("a.csv", "b.csv"):
        _folder(tmp_path, "file,x,y,w,h\na.png,1,1,4,5\n", "a.png", name=name)
    with pytest.raises(InputError, match="holds 2 tables"):
        read_photos(tmp_path)
    assert len(read_photos(tmp_path / "b.csv")) == 1


def test_damaged_pictures_are_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = read_photos(drawn_photos(tmp_path / "data", {"train": 4}))
    photos[1].path.write_bytes(b"no picture")
    assert [photo.path for photo in readable(photos)] == [photos[i].path for i in (0, 2, 3)]
    assert str(photos[1].path) in capsys.readouterr().err

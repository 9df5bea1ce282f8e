"""Manifests as people have them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgefake import Box
from edgefake.errors import InputError
from tests.drawn import drawn_dataset
from training.faces_table import read_faces
from training.manifest import manifest_pictures
from training.notes import new_command
from training.pictures import Picture
from training.samples import Sample, load_samples

CLASSES = ("real", "fake")
FILES = ("train/real/000.png", "train/fake/000.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Holds FILES."""
    new_command()
    return drawn_dataset(tmp_path, splits={"train": 1})


def read(folder: Path, text: str | bytes, folders: dict[str, str] | None = None) -> list[Picture]:
    manifest = folder / "list.csv"
    manifest.write_bytes(text.encode() if isinstance(text, str) else text)
    return manifest_pictures(manifest, CLASSES, folders)


@pytest.mark.parametrize(
    ("heading", "real", "fake"),
    [
        ("file,label", "real", "fake"),
        ("File,Label", "REAL", "Fake"),
        ("filename,label", "0", "1"),
        ("path,target", "0.0", "1.0"),
        ("image,is_real", "1", "0"),
        ("img_path,is_fake", "False", "True"),
        ("file;label", "real", "fake"),
        ("file\tclass", "real", "fake"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_columns_separators_and_encodings(folder: Path, heading: str, real: str, fake: str, encoding: str, end: str) -> None:
    separator = next(character for character in ",;\t" if character in heading)
    lines = [heading, *(separator.join(pair) for pair in zip(FILES, (real, fake), strict=True)), ""]
    found = read(folder, end.join(lines).encode(encoding))
    assert [(p.path, p.label) for p in found] == [(folder / FILES[0], 0), (folder / FILES[1], 1)]


def test_other_columns_are_named_and_ignored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(folder, f",file,label,age\n0,{FILES[0]},real,\n1,{FILES[1]},fake,30\n")
    assert [p.label for p in found] == [0, 1]
    assert "1 column(s) of" in (told := capsys.readouterr().err) and "not used: age" in told


def test_numbers_without_a_meaning_are_told_and_can_be_turned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"file,label\n{FILES[0]},1\n{FILES[1]},0\n"
    assert [p.label for p in read(folder, text)] == [1, 0]
    assert "0 in the column label is read as real, 1 as fake" in capsys.readouterr().err
    assert [p.label for p in read(folder, text, {"1": "real", "0": "fake"})] == [0, 1]
    assert capsys.readouterr().err == ""


def test_labels_of_other_names(folder: Path) -> None:
    text = f"file,label\n{FILES[0]},Original\n{FILES[1]},FaceSwap\n"
    assert [p.label for p in read(folder, text, {"original": "real", "faceswap": "fake"})] == [0, 1]
    with pytest.raises(InputError, match=r"'forged' .*real, fake .*faceswap"):
        read(folder, text, {"faceswap": "forged"})


def test_backslashes_as_windows_writes_them(folder: Path) -> None:
    assert [p.path for p in read(folder, "file,label\ntrain\\real\\000.png,real\n")] == [folder / FILES[0]]


def test_one_file_by_several_names_counts_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "link.png").symlink_to(folder / FILES[0])
    names = [FILES[0], f"./{FILES[0]}", str(folder / FILES[0]), "link.png", f"train/../{FILES[0]}"]
    found = read(folder, "file,label\n" + "".join(f"{name},real\n" for name in names) + f"{FILES[1]},fake\n")
    assert [p.name for p in found] == list(FILES)
    assert "4 line(s) of" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"line 3 .*another label"):
        read(folder, f"file,label\n{FILES[0]},real\nlink.png,fake\n")


def test_names_that_are_not_utf_8(folder: Path) -> None:
    name = os.fsdecode(b"bild\xe9.png")
    (folder / name).write_bytes((folder / FILES[0]).read_bytes())
    (found,) = read(folder, b"file,label\nbild\xe9.png,real\n")
    assert found.path == folder / name
    (folder / "faces.csv").write_bytes(b"file,x,y,w,h\nbild\xe9.png,1,2,3,4\n")
    assert list(read_faces(folder / "faces.csv")) == [name]


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\x1b[2J"])
def test_names_that_no_file_has_are_told_in_short(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"line 2 .* no file") as caught:
        read(folder, f"file,label\n{name},real\n")
    assert len(str(caught.value)) < 600 and str(caught.value).isprintable()


def test_a_manifest_gives_label_split_and_box(tmp_path: Path) -> None:
    drawn_dataset(tmp_path / "pictures", splits={"train": 1})
    (tmp_path / "list.csv").write_text(
        "split,label,file,x,y,w,h,size_matched\n"
        "Training,REAL,pictures/train/real/000.png,22,14,52,68,0\n"
        f"train,fake,{tmp_path}/pictures/train/fake/000.png,20,10,50,60.5,1\n"
    )
    real, fake = load_samples(tmp_path / "list.csv")
    assert real == Sample(tmp_path / "pictures/train/real/000.png", 0, "train", Box(22, 14, 52, 68), size_matched=False)
    assert fake == Sample(tmp_path / "pictures/train/fake/000.png", 1, "train", Box(20, 10, 50, 60.5))
    assert list(tmp_path.glob("*.csv")) == [tmp_path / "list.csv"]  # no faces were searched


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column.* file, label"),
        ("file,label\n", "no pictures"),
        ("file,label,x,y\n", "column.* w, h"),
        ("name,label\n", "column.* file: .*name,label"),
        ("file,label\ntrain/real/000.png,real\ntrain/fake/000.png,wrong\n", "line 3 .*'wrong' .*real, fake"),
        ("file,label\ntrain/real/000.png\n", "line 2 .* 2 columns, got 1"),
        ("file,label\ntrain/real/999.png,real\n", "line 2 .* no file .*999.png"),
        ("file,label,split\ntrain/real/000.png,real,\n", "line 2 .* split ''"),
        ("file,label,size_matched\ntrain/real/000.png,real,yes\n", "line 2 .* 0 or 1, got 'yes'"),
        ("file,label,x,y,w,h\ntrain/real/000.png,real,1,2,3,\n", "line 2 .* face box"),
        ("file,label,x,y,w,h\ntrain/real/000.png,real,1,2,3,-4\n", "line 2 .* face box"),
        ("file,label\ntrain/real/000.png,real\ntrain/real/000.png,fake\n", "line 3 .*another label"),
        ("file,label,x,y,w,h\ntrain/real/000.png,real,1,2,30,40\n", "class 'fake'"),
    ],
)
def test_an_unusable_manifest_is_explained(tmp_path: Path, text: str, message: str) -> None:
    drawn_dataset(tmp_path, splits={"train": 1})
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        load_samples(tmp_path / "list.csv")


def test_a_manifest_that_is_not_there_or_no_text_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"list\.csv .*No such"):
        load_samples(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_bytes(b"file,label\n\xe9.png,real\n")
    with pytest.raises(InputError, match=r"\\xe9\.png: .* UTF-8"):
        load_samples(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_bytes(b"f\0i\0l\0e\0")
    with pytest.raises(InputError, match=r"no text.*UTF-16 .*UTF-8"):
        load_samples(tmp_path / "list.csv")


def test_whatever_is_in_it_is_read_or_an_input_error(folder: Path) -> None:
    """Bytes of a right manifest and a right face table are changed at random."""
    rng = np.random.default_rng(0)
    lines = "".join(f"{name},{label},train,20,10,50,60,1,a\n" for name, label in zip(FILES, CLASSES, strict=True))
    right = f"file,label,split,x,y,w,h,size_matched,pair\n{lines}".encode()
    table = folder / "fuzz.csv"
    readers = (lambda: manifest_pictures(table, CLASSES), lambda: read_faces(table))
    outcomes = []
    for _ in range(600):
        data = bytearray(right)
        for _ in range(rng.integers(1, 4)):
            start, length = rng.integers(0, len(data)), rng.integers(0, 6)
            odd = [rng.bytes(2), b'"', b"\0", b"\r", b"\xff\xfe", b"1e999", b"nan", b"-", b";", b",", b"\n", b"/" * 300][
                rng.integers(12)
            ]
            data[start : start + length] = odd
        table.write_bytes(data)
        for reader in readers:
            try:
                reader()
                outcomes.append(True)
            except InputError as error:
                outcomes.append(False)
                assert len(str(error)) < 2000 and str(error).isprintable(), error
    assert 50 < sum(outcomes) < 1150

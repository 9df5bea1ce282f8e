from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake.errors import InputError
from tests.drawn import drawn_dataset
from training.samples import hold_out, load_samples


def test_public_spellings_of_splits_and_labels(tmp_path: Path) -> None:
    drawn_dataset(tmp_path, splits={"Train": 3, "Validation": 2, "TEST": 1})
    for path in list(tmp_path.glob("*/real")):
        path.rename(path.with_name("Real"))
    text = (tmp_path / "faces.csv").read_text().replace("/real/", "/Real/")
    (tmp_path / "faces.csv").write_text(text)
    counts = Counter((s.split, s.label) for s in load_samples(tmp_path))
    assert counts == {("train", 0): 3, ("train", 1): 3, ("val", 0): 2, ("val", 1): 2, ("test", 0): 1, ("test", 1): 1}


def test_automatic_split_is_stratified_and_fixed_by_the_seed(tmp_path: Path) -> None:
    drawn_dataset(tmp_path / "all", splits={"x": 20})
    root = tmp_path / "all" / "x"
    (tmp_path / "faces.csv").write_text((tmp_path / "all" / "faces.csv").read_text().replace("x/", ""))
    samples = load_samples(root, faces=tmp_path / "faces.csv", seed=5)
    counts = Counter((s.split, s.label) for s in samples)
    assert counts == {("train", 0): 16, ("train", 1): 16, ("val", 0): 2, ("val", 1): 2, ("test", 0): 2, ("test", 1): 2}
    assert samples == load_samples(root, faces=tmp_path / "faces.csv", seed=5)
    assert samples != load_samples(root, faces=tmp_path / "faces.csv", seed=6)


def test_faces_are_found_once_and_kept(tmp_path: Path, portrait: Path) -> None:
    for label in ("real", "fake"):
        (tmp_path / "train" / label).mkdir(parents=True)
        picture = cv2.imread(str(portrait))
        cv2.imwrite(str(tmp_path / "train" / label / "portrait.png"), picture)
        cv2.imwrite(str(tmp_path / "train" / label / "empty.png"), np.full_like(picture, 90))
    (tmp_path / "train" / "real" / "broken.jpg").write_bytes(b"no picture")
    samples = load_samples(tmp_path)
    assert [s.path.name for s in samples] == ["portrait.png", "portrait.png"]
    table = (tmp_path / "faces.csv").read_text()
    assert samples == load_samples(tmp_path)
    assert table == (tmp_path / "faces.csv").read_text()


def test_only_the_main_face_counts_and_size_matching_is_read(tmp_path: Path) -> None:
    drawn_dataset(tmp_path, splits={"train": 1})
    (tmp_path / "faces.csv").write_text(
        "file,size_matched,main,x,y,w,h\n"
        "train/real/000.png,1,0,1,1,5,5\n"
        "train/real/000.png,1,1,22,14,52,68\n"
        "train/fake/000.png,0,1,22,14,52,68\n"
    )
    fake, real = load_samples(tmp_path)
    assert (real.box.width, real.size_matched, fake.size_matched) == (52, True, False)


def test_hold_out_is_disjoint_stratified_and_size_matched(tmp_path: Path) -> None:
    drawn_dataset(tmp_path, splits={"train": 20})
    lines = (tmp_path / "faces.csv").read_text().splitlines()
    marked = [lines[0] + ",size_matched"] + [f"{line},{index % 2}" for index, line in enumerate(lines[1:])]
    (tmp_path / "faces.csv").write_text("\n".join(marked))
    samples = load_samples(tmp_path)
    rest, held = hold_out(samples, 0.2, seed=1)
    assert {s.path for s in rest} | {s.path for s in held} == {s.path for s in samples}
    assert not {s.path for s in rest} & {s.path for s in held}
    assert Counter(s.label for s in held) == {0: 2, 1: 2}
    assert all(s.size_matched for s in held)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "faces.csv").write_text("file,x,y\n"), "lacks the column"),
        (lambda root: (root / "faces.csv").write_text("file,x,y,w,h\ntrain/real/000.png,1,2,three,4\n"), "line 2"),
        (lambda root: (root / "faces.csv").write_text("file,x,y,w,h\ntrain/real/000.png,1,2,3,4\n"), "class 'fake'"),
        (lambda root: (root / "train").rename(root / "elsewhere"), "no pictures found"),
    ],
)
def test_unusable_data_is_explained(tmp_path: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    damage(drawn_dataset(tmp_path / "data", splits={"train": 1}))
    with pytest.raises(InputError, match=message):
        load_samples(tmp_path / "data")


def test_a_missing_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder"):
        load_samples(tmp_path / "nothing")

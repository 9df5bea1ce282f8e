"""Which split a picture is in, and which pictures are held out."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake.errors import InputError
from tests.drawn import drawn_dataset
from training.samples import hold_out, load_samples


def test_the_automatic_split_follows_from_content_and_seed(tmp_path: Path) -> None:
    root = _without_splits(tmp_path, 40)
    samples = load_samples(root, seed=5)
    counts = Counter((s.split, s.label) for s in samples)
    assert {split for split, _ in counts} == {"train", "val", "test"}
    assert 50 <= counts["train", 0] + counts["train", 1] <= 75
    assert samples == load_samples(root, seed=5)
    assert samples != load_samples(root, seed=6)


def test_a_picture_stays_in_its_split_whatever_comes_and_goes(tmp_path: Path) -> None:
    root = _without_splits(tmp_path, 40)
    before = {s.path: s.split for s in load_samples(root, seed=1)}
    (root / "real" / "000.png").unlink()
    for number, label in enumerate(("real", "fake")):
        cv2.imwrite(str(root / label / "new.png"), np.full((96, 96, 3), 90 + number, np.uint8))
        (root / "faces.csv").write_text((root / "faces.csv").read_text() + f"{label}/new.png,22,14,52,68\n")
    (root / "fake" / "001.png").rename(root / "fake" / "renamed.png")
    (root / "faces.csv").write_text((root / "faces.csv").read_text().replace("fake/001.png", "fake/renamed.png"))
    before[root / "fake" / "renamed.png"] = before[root / "fake" / "001.png"]
    after = {s.path: s.split for s in load_samples(root, seed=1) if s.path.name != "new.png"}
    assert after == {path: before[path] for path in after} and len(after) == 79


@pytest.mark.parametrize("count", range(3, 10))
def test_a_class_of_a_few_pictures_has_some_in_every_split(tmp_path: Path, count: int) -> None:
    root = _without_splits(tmp_path, count)
    samples = load_samples(root, seed=1)
    assert len({(s.split, s.label) for s in samples}) == 6
    rest, held = hold_out([s for s in samples if s.split == "train"], 0.1, seed=1) if count >= 6 else (samples, samples)
    assert {s.label for s in rest} == {s.label for s in held} == {0, 1}


def test_too_few_pictures_to_split(tmp_path: Path) -> None:
    root = _without_splits(tmp_path, 20)
    for path in sorted((root / "fake").iterdir())[2:]:
        path.unlink()
    with pytest.raises(InputError, match=r"class 'fake' .*split .* 3 different"):
        load_samples(root)


def test_twins_stay_together(tmp_path: Path) -> None:
    """Each real picture and its forgery, in the automatic split and in what is held out."""
    root = _without_splits(tmp_path, 40)
    lines = [f"x/{label}/{i:03}.png,{label},Person {i},22,14,52,68" for i in range(40) for label in ("real", "fake")]
    (root.parent / "list.csv").write_text("\n".join(["file,label,Pair,x,y,w,h", *lines]))
    samples = load_samples(root.parent / "list.csv", seed=1)
    rest, held = hold_out(samples, 0.2, seed=1)
    for part in (*({s.pair for s in samples if s.split == split} for split in ("train", "val", "test")), {s.pair for s in held}):
        assert part
    assert all(len({s.split for s in samples if s.pair == pair}) == 1 for pair in {s.pair for s in samples})
    assert Counter(s.pair for s in held) == Counter(dict.fromkeys({s.pair for s in held}, 2))
    assert not {s.pair for s in rest} & {s.pair for s in held}


def test_copies_stay_together_with_the_pairs_that_they_are_of(tmp_path: Path) -> None:
    """Also where one is of no pair: whoever lists pictures twice seldom pairs both alike."""
    data = drawn_dataset(tmp_path / "data", splits={"train": 24})
    rows = []
    for label in ("real", "fake"):
        for number, picture in enumerate(sorted((data / "train" / label).iterdir())):
            again = picture.with_name(f"again_{picture.name}")
            shutil.copyfile(picture, again)
            other = f"other {label} {number}" if number % 2 else ""
            rows += [(picture, label, f"{label} {number}"), (again, label, other)]
    lines = [f"{path.relative_to(data)},{label},{pair},0,0,32,32" for path, label, pair in rows]
    (data / "m.csv").write_text("\n".join(["file,label,pair,x,y,w,h", *lines]))
    samples = load_samples(data / "m.csv")
    rest, held = hold_out(samples, 0.3, seed=1)
    assert len(samples) == len(rest) + len(held) == len(rows) and held
    for parts in ({s.path: s.split for s in samples}, {s.path: "held" if s in held else "rest" for s in samples}):
        assert all(parts[path] == parts[path.with_name(f"again_{path.name}")] for path, _, _ in rows[::2])


def test_hold_out_is_disjoint_stratified_and_size_matched(tmp_path: Path) -> None:
    drawn_dataset(tmp_path, splits={"train": 20})
    lines = (tmp_path / "faces.csv").read_text().splitlines()
    marked = [lines[0] + ",size_matched"] + [f"{line},{index % 2}" for index, line in enumerate(lines[1:])]
    (tmp_path / "faces.csv").write_text("\n".join(marked))
    samples = load_samples(tmp_path)
    rest, held = hold_out(samples, 0.2, seed=1)
    assert {s.path for s in rest} | {s.path for s in held} == {s.path for s in samples}
    assert not {s.path for s in rest} & {s.path for s in held}
    assert {s.label for s in held} == {0, 1} and 2 <= len(held) <= 10
    assert all(s.size_matched for s in held)
    removed = samples.index(rest[0])
    assert hold_out(samples[:removed] + samples[removed + 1 :], 0.2, seed=1) == (rest[1:], held)


def test_no_copy_of_a_held_out_picture_is_trained_on(tmp_path: Path) -> None:
    drawn_dataset(tmp_path, splits={"train": 10})
    originals = load_samples(tmp_path)
    copies = [replace(s, path=s.path.with_name(f"copy{s.path.name}")) for s in originals]
    for original, copy in zip(originals, copies, strict=True):
        copy.path.write_bytes(original.path.read_bytes())
    rest, held = hold_out([*originals, *copies], 0.2, seed=1)
    assert len(held) >= 4
    assert not {s.path.read_bytes() for s in rest} & {s.path.read_bytes() for s in held}


def test_the_automatic_split_keeps_copies_together(tmp_path: Path) -> None:
    drawn_dataset(tmp_path, splits={"x": 20})
    for path in sorted(tmp_path.rglob("*.png")):
        shutil.copy(path, path.with_name(f"copy{path.name}"))
    rows = [f"{path.parent.name}/{path.name},22,14,52,68" for path in (tmp_path / "x").rglob("*.png")]
    (tmp_path / "x" / "faces.csv").write_text("\n".join(["file,x,y,w,h", *rows]))
    samples = load_samples(tmp_path / "x", seed=2)
    splits: dict[bytes, set[str]] = {}
    for sample in samples:
        splits.setdefault(sample.path.read_bytes(), set()).add(sample.split)
    assert len(splits) == len(samples) / 2
    assert {len(of_picture) for of_picture in splits.values()} == {1}
    assert len({s.split for s in samples}) == 3


def test_the_faces_of_one_picture_stay_together(tmp_path: Path) -> None:
    drawn_dataset(tmp_path, splits={"x": 10})
    faces = ((5, "real"), (22, "fake"), (40, "real"))  # three in each picture, one of them swapped
    lines = [
        f"x/{folder}/{i:03}.png,{label},{x},14,40,68" for folder in ("real", "fake") for i in range(10) for x, label in faces
    ]
    (tmp_path / "all.csv").write_text("\n".join(["file,label,x,y,w,h", *lines]))
    samples = load_samples(tmp_path / "all.csv", seed=3)
    splits: dict[Path, set[str]] = {}
    for sample in samples:
        splits.setdefault(sample.path, set()).add(sample.split)
    assert all(len(of_picture) == 1 for of_picture in splits.values())
    assert {(s.split, s.label) for s in samples} == {(split, label) for split in ("train", "val", "test") for label in (0, 1)}


def _without_splits(root: Path, count: int) -> Path:
    """``root/x/real|fake`` with so many pictures each, and their face table."""
    drawn_dataset(root, splits={"x": count})
    (root / "x" / "faces.csv").write_text((root / "faces.csv").read_text().replace("x/", ""))
    return root / "x"

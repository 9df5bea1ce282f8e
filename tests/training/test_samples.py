import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box
from edgefake.errors import InputError
from tests.drawn import drawn_dataset
from training.audit.stored import fingerprint_of
from training.notes import new_command
from training.samples import Sample, class_weights, hold_out, load_samples


def test_public_spellings_of_splits_and_labels(tmp_path: Path) -> None:
    drawn_dataset(tmp_path, splits={"Train": 3, "Validation": 2, "TEST": 1})
    for path in list(tmp_path.glob("*/real")):
        path.rename(path.with_name("Real"))
    text = (tmp_path / "faces.csv").read_text().replace("/real/", "/Real/")
    (tmp_path / "faces.csv").write_text(text)
    counts = Counter((s.split, s.label) for s in load_samples(tmp_path))
    assert counts == {("train", 0): 3, ("train", 1): 3, ("val", 0): 2, ("val", 1): 2, ("test", 0): 1, ("test", 1): 1}


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
    with pytest.raises(InputError, match=r"class 'fake' has no face in the split .*: to split a class takes 3 different"):
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


def test_faces_are_found_once_and_kept(tmp_path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _portraits(tmp_path, portrait, ["train/real", "train/fake"])
    (tmp_path / "train" / "real" / "broken.jpg").write_bytes(b"no picture")
    samples = load_samples(tmp_path)
    assert [s.path.name for s in samples] == ["portrait.png", "portrait.png"]
    told = capsys.readouterr().err
    assert "1 picture(s) cannot be read: left out" in told
    assert "broken.jpg is damaged" in told
    assert "3 of 5 pictures have no face" in told
    assert "train/fake/empty.png" in told
    table = (tmp_path / "faces.csv").read_text()
    assert samples == load_samples(tmp_path)
    assert table == (tmp_path / "faces.csv").read_text()


def test_a_face_table_that_cannot_be_made_is_explained(tmp_path: Path, portrait: Path) -> None:
    _portraits(tmp_path, portrait, ["train/real", "train/fake"])
    with pytest.raises(InputError, match=r"the folder of the face table .* does not exist"):
        load_samples(tmp_path, faces=tmp_path / "nowhere" / "faces.csv")


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


def test_hidden_files_and_folders_are_no_data(tmp_path: Path) -> None:
    hidden = ("train/real/.thumbnails/000.png", "train/fake/._000.png", "__MACOSX/train/real/000.png", ".val/real/000.png")
    drawn_dataset(tmp_path, splits={"train": 2})
    with (tmp_path / "faces.csv").open("a") as table:
        table.writelines(f"{name},22,14,52,68\n" for name in hidden)
    samples, fingerprint = load_samples(tmp_path), fingerprint_of(tmp_path)
    for name in hidden:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "train" / "real" / "000.png", tmp_path / name)
    os.mkfifo(tmp_path / "train" / "real" / "pipe.png")  # reading it waits for a writer that never comes
    assert (load_samples(tmp_path), fingerprint_of(tmp_path)) == (samples, fingerprint)


def test_folders_of_other_names(tmp_path: Path) -> None:
    _two_kinds(tmp_path)
    folder = tmp_path / "train"
    (folder / "real").rename(folder / "Original")
    (tmp_path / "faces.csv").write_text((tmp_path / "faces.csv").read_text().replace("/real/", "/Original/"))
    with pytest.raises(InputError, match=r"lacks the class folder 'real': .* or name it with --folders real=…"):
        load_samples(tmp_path)
    samples = load_samples(tmp_path, folders={"original": "real", "swap": "fake"})
    assert Counter((s.path.parent.name, s.label) for s in samples) == {("Original", 0): 2, ("fake", 1): 2, ("Swap", 1): 2}


def test_what_is_left_out_is_told_once_and_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn_dataset(tmp_path, splits={"train": 30})
    (tmp_path / "faces.csv").write_text("\n".join((tmp_path / "faces.csv").read_text().splitlines()[:-20]))
    new_command()
    load_samples(tmp_path)
    load_samples(tmp_path)
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("note: 20 of 60 pictures have no face in") and told.endswith("train/fake/012.png; … and 17 more")
    new_command()
    load_samples(tmp_path)
    assert capsys.readouterr().err.splitlines() == [told]


def test_faces_in_a_read_only_data_folder_are_kept_below_the_working_directory(tmp_path: Path, portrait: Path) -> None:
    data = tmp_path / "data"
    _portraits(data, portrait, ["train/real", "train/fake"])
    mounted = f"mount --bind {data} {data} && mount -o remount,ro,bind {data}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mounted], capture_output=True, check=False).returncode:
        pytest.skip("needs namespaces of its own, to mount a folder read-only")
    program = (
        "import sys; from pathlib import Path; from training.samples import load_samples; "
        "print([s.path.name for s in load_samples(Path(sys.argv[1]))])"
    )
    command = ["unshare", "-rm", "sh", "-c", f"{mounted} && exec {sys.executable} -c '{program}' {data}"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    tables = []
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "['portrait.png', 'portrait.png']\n"), done.stderr
        tables += [(path, path.stat().st_mtime_ns) for path in tmp_path.glob("runs/faces/data-*.csv")]
    assert len(tables) == 2 and tables[0] == tables[1]
    assert not (data / "faces.csv").exists()
    table = f"--faces {data}/faces.csv"
    named = ["unshare", "-rm", "sh", "-c", f"{mounted} && exec {sys.executable} -m training audit {data} {table}"]
    done = subprocess.run(named, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("cannot be written (Read-only file system): name a writable file with --faces")


def test_classes_are_labelled_in_the_order_of_their_names(tmp_path: Path) -> None:
    _two_kinds(tmp_path)
    samples = load_samples(tmp_path, classes=("real", "swap", "fake"))
    assert {(s.path.parent.name.lower(), s.label, s.fake) for s in samples} == {
        ("real", 0, False),
        ("swap", 1, True),
        ("fake", 2, True),
    }


def test_folders_of_no_class_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _two_kinds(tmp_path)
    assert {s.label for s in load_samples(tmp_path)} == {0, 1}
    told = capsys.readouterr().err
    assert "1 folder(s) of no class: left out" in told
    assert "Swap" in told


@pytest.mark.parametrize("classes", [("real",), ("fake", "real"), ("real", "Real"), ("real", "swap", "swap")])
def test_names_of_classes_that_make_no_sense_are_refused(tmp_path: Path, classes: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="two or more classes, real first"):
        load_samples(drawn_dataset(tmp_path, splits={"train": 1}), classes=classes)


def test_real_pictures_alone_will_do_when_asked_for(tmp_path: Path) -> None:
    drawn_dataset(tmp_path / "tree", splits={"train": 4, "val": 2})
    shutil.rmtree(tmp_path / "tree" / "val" / "fake")
    with pytest.raises(InputError, match="val lacks the class folder 'fake'"):
        load_samples(tmp_path / "tree")
    assert Counter((s.split, s.label) for s in load_samples(tmp_path / "tree", real_only=True)) == {
        ("train", 0): 4,
        ("train", 1): 4,
        ("val", 0): 2,
    }
    bare = tmp_path / "tree" / "train" / "real"
    (bare / "deeper").mkdir()
    (bare / "deeper" / "fake.png").write_bytes(b"of no class")
    boxes = "".join(f"00{i}.png,22,14,52,68\n" for i in range(4))
    (bare / "faces.csv").write_text("file,x,y,w,h\n" + boxes)
    with pytest.raises(InputError, match="no pictures found"):
        load_samples(bare)
    samples = load_samples(bare, real_only=True)
    assert [(s.path.name, s.label) for s in samples] == [(f"00{i}.png", 0) for i in range(4)]


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


def test_a_manifest_without_boxes_gets_its_own_face_table(tmp_path: Path, portrait: Path) -> None:
    _portraits(tmp_path, portrait, ["a", "b"])
    (tmp_path / "list.csv").write_text("file,label,split\na/portrait.png,real,test\nb/portrait.png,fake,test\n")
    samples = load_samples(tmp_path / "list.csv")
    assert [(s.label, s.split) for s in samples] == [(0, "test"), (1, "test")]
    assert (tmp_path / "list.faces.csv").read_text().count("portrait.png") == 2
    assert samples == load_samples(tmp_path / "list.csv", faces=tmp_path / "list.faces.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the column.s. file, label"),
        ("file,label\n", "lists no pictures"),
        ("file,label,x,y\n", "lacks the column.s. w, h"),
        ("name,label\n", "lacks the column.s. file: .* it is name,label"),
        ("file,label\ntrain/real/000.png,real\ntrain/fake/000.png,wrong\n", "line 3 .* label 'wrong' is no class.*real, fake"),
        ("file,label\ntrain/real/000.png\n", "line 2 .* a value for each of the 2 columns, got 1"),
        ("file,label\ntrain/real/999.png,real\n", "line 2 .* no file .*999.png"),
        ("file,label,split\ntrain/real/000.png,real,\n", "line 2 .* split '' is none"),
        ("file,label,size_matched\ntrain/real/000.png,real,yes\n", "line 2 .* must be 0 or 1, got 'yes'"),
        ("file,label,x,y,w,h\ntrain/real/000.png,real,1,2,3,\n", "line 2 .* no face box"),
        ("file,label,x,y,w,h\ntrain/real/000.png,real,1,2,3,-4\n", "line 2 .* no face box"),
        ("file,label\ntrain/real/000.png,real\ntrain/real/000.png,fake\n", "line 3 .* listed a second time, with another label"),
        ("file,label,x,y,w,h\ntrain/real/000.png,real,1,2,30,40\n", "class 'fake' has no face"),
    ],
)
def test_an_unusable_manifest_is_explained(tmp_path: Path, text: str, message: str) -> None:
    drawn_dataset(tmp_path, splits={"train": 1})
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        load_samples(tmp_path / "list.csv")


def test_a_manifest_that_is_not_there_or_no_text_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read: .*No such file"):
        load_samples(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_bytes(b"file,label\n\xe9.png,real\n")
    with pytest.raises(InputError, match=r"no file .*\\xe9.png: .* in UTF-8 or in the bytes"):
        load_samples(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_bytes(b"f\0i\0l\0e\0")
    with pytest.raises(InputError, match="is no text, or UTF-16 without its mark: save it as UTF-8"):
        load_samples(tmp_path / "list.csv")


def test_the_direction_of_a_face_is_read_where_the_table_has_it(tmp_path: Path) -> None:
    drawn_dataset(tmp_path, splits={"train": 1})
    (tmp_path / "faces.csv").write_text(
        "file,x,y,w,h,right_eye_x,right_eye_y,left_eye_x,left_eye_y,mouth_right_x,mouth_right_y,mouth_left_x,mouth_left_y\n"
        "train/real/000.png,20,10,80,100,40,40,80,40,48,75,72,75\n"
        "train/fake/000.png,20,10,80,100,40,30,80,50,40,70,60,80\n"
    )
    fake, real = load_samples(tmp_path)
    assert real.upright == pytest.approx((0.0, 0.35))
    assert fake.upright == pytest.approx((-0.1, 0.35))


def test_weights_make_unequal_classes_count_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def samples(*counts: int) -> list[Sample]:
        return [Sample(tmp_path, label, "train", Box(0, 0, 9, 9)) for label, count in enumerate(counts) for _ in range(count)]

    assert class_weights(samples(5, 5)) == {0: 1.0, 1: 1.0}
    assert class_weights(samples(20, 2)) == {0: 0.55, 1: 5.5}
    assert capsys.readouterr().err == ""
    weights = class_weights(samples(300, 3, 30), ("real", "faceswap", "generated"))
    assert weights == {0: 333 / 900, 1: 333 / 9, 2: 333 / 90}
    assert "unequal by 100:1 (300 real, 3 faceswap, 30 generated)" in capsys.readouterr().err


def _without_splits(root: Path, count: int) -> Path:
    """``root/x/real|fake`` with so many pictures each, and their face table."""
    drawn_dataset(root, splits={"x": count})
    (root / "x" / "faces.csv").write_text((root / "faces.csv").read_text().replace("x/", ""))
    return root / "x"


def _portraits(root: Path, portrait: Path, folders: list[str]) -> None:
    """A picture with a face and one without in each folder."""
    picture = cv2.imread(str(portrait))
    for folder in folders:
        (root / folder).mkdir(parents=True)
        cv2.imwrite(str(root / folder / "portrait.png"), picture)
        cv2.imwrite(str(root / folder / "empty.png"), np.full_like(picture, 90))


def _two_kinds(root: Path) -> None:
    """The class folders real, fake and Swap, two pictures each."""
    drawn_dataset(root, splits={"train": 2})
    shutil.copytree(root / "train" / "fake", root / "train" / "Swap")
    text = (root / "faces.csv").read_text()
    (root / "faces.csv").write_text(text + "".join(f"train/Swap/00{i}.png,22,14,52,68\n" for i in range(2)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "faces.csv").write_text("file,x,y\n"), "lacks the column"),
        (lambda root: (root / "faces.csv").write_text("file,x,y,w,h\ntrain/real/000.png,1,2,three,4\n"), "line 2"),
        (lambda root: (root / "faces.csv").write_text("file,x,y,w,h\ntrain/real/000.png,1,2,3,4\n"), "class 'fake'"),
        (lambda root: (root / "train").rename(root / "elsewhere"), "no pictures found"),
        (
            lambda root: shutil.rmtree(root / "train" / "fake"),
            "train lacks the class folder 'fake': expected one each for real, fake",
        ),
        (lambda root: (root / "train" / "fake" / "000.png").unlink(), "class folder .*fake holds no pictures"),
        (lambda root: (root / "faces.csv").write_bytes(b"file,x,y,w,h\n\xff"), "line 2 .* 5 columns, got 1"),
    ],
)
def test_unusable_data_is_explained(tmp_path: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    damage(drawn_dataset(tmp_path / "data", splits={"train": 1}))
    with pytest.raises(InputError, match=message):
        load_samples(tmp_path / "data")


def test_a_missing_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder"):
        load_samples(tmp_path / "nothing")

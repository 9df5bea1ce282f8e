import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box
from edgefake.errors import InputError
from tests.drawn import drawn_dataset
from training.audit.stored import fingerprint_of
from training.notes import new_command
from training.samples import Sample, class_weights, load_samples


def test_public_spellings_of_splits_and_labels(tmp_path: Path) -> None:
    drawn_dataset(tmp_path, splits={"Train": 3, "Validation": 2, "TEST": 1})
    for path in list(tmp_path.glob("*/real")):
        path.rename(path.with_name("Real"))
    text = (tmp_path / "faces.csv").read_text().replace("/real/", "/Real/")
    (tmp_path / "faces.csv").write_text(text)
    counts = Counter((s.split, s.label) for s in load_samples(tmp_path))
    assert counts == {("train", 0): 3, ("train", 1): 3, ("val", 0): 2, ("val", 1): 2, ("test", 0): 1, ("test", 1): 1}


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
    with pytest.raises(InputError, match=r"face table .*nowhere"):
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
    with pytest.raises(InputError, match=r"'real': .* --folders real="):
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
    with pytest.raises(InputError, match=f"real.* got {', '.join(classes)}"):
        load_samples(drawn_dataset(tmp_path, splits={"train": 1}), classes=classes)


def test_real_pictures_alone_will_do_when_asked_for(tmp_path: Path) -> None:
    drawn_dataset(tmp_path / "tree", splits={"train": 4, "val": 2})
    shutil.rmtree(tmp_path / "tree" / "val" / "fake")
    with pytest.raises(InputError, match=r"val .*'fake'"):
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
    with pytest.raises(InputError, match="no pictures"):
        load_samples(bare)
    samples = load_samples(bare, real_only=True)
    assert [(s.path.name, s.label) for s in samples] == [(f"00{i}.png", 0) for i in range(4)]


def test_a_manifest_without_boxes_gets_its_own_face_table(tmp_path: Path, portrait: Path) -> None:
    _portraits(tmp_path, portrait, ["a", "b"])
    (tmp_path / "list.csv").write_text("file,label,split\na/portrait.png,real,test\nb/portrait.png,fake,test\n")
    samples = load_samples(tmp_path / "list.csv")
    assert [(s.label, s.split) for s in samples] == [(0, "test"), (1, "test")]
    assert (tmp_path / "list.faces.csv").read_text().count("portrait.png") == 2
    assert samples == load_samples(tmp_path / "list.csv", faces=tmp_path / "list.faces.csv")


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
        (lambda root: (root / "faces.csv").write_text("file,x,y\n"), "column.* h, w"),
        (lambda root: (root / "faces.csv").write_text("file,x,y,w,h\ntrain/real/000.png,1,2,three,4\n"), "line 2"),
        (lambda root: (root / "faces.csv").write_text("file,x,y,w,h\ntrain/real/000.png,1,2,3,4\n"), "class 'fake'"),
        (lambda root: (root / "train").rename(root / "elsewhere"), "no pictures"),
        (
            lambda root: shutil.rmtree(root / "train" / "fake"),
            "train .*'fake': .*real, fake",
        ),
        (lambda root: (root / "train" / "fake" / "000.png").unlink(), "fake .*no pictures"),
        (lambda root: (root / "faces.csv").write_bytes(b"file,x,y,w,h\n\xff"), "line 2 .* 5 columns, got 1"),
    ],
)
def test_unusable_data_is_explained(tmp_path: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    damage(drawn_dataset(tmp_path / "data", splits={"train": 1}))
    with pytest.raises(InputError, match=message):
        load_samples(tmp_path / "data")


def test_a_missing_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folder.* got .*nothing"):
        load_samples(tmp_path / "nothing")

"""Audits of drawn data sets: each has one planted flaw, which alone must be found, or none."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake.pixels import Pixels
from training.audit import audit_warnings
from training.audit.findings import audit
from training.cli import main
from training.samples import load_samples

COUNT = 30
SIDE = 96
CENTRE = SIDE // 2
PUBLIC = Path(os.environ["EDGEFAKE_TEST_DATA"]).absolute() if os.environ.get("EDGEFAKE_TEST_DATA") else None

Encode = Callable[[Pixels, str, int], tuple[str, bytes]]
"""(picture, class, number) → (suffix, content of the file)."""


def photo(rng: np.random.Generator, side: int = SIDE) -> Pixels:
    """Smooth blotches of colour, never the same twice."""
    noise = rng.uniform(0, 255, (7, 7, 3)).astype(np.float32)
    picture = cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC) + rng.normal(0, 3, (side, side, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


def jpeg(picture: Pixels, label: str = "", number: int = 0, *, quality: int = 90) -> tuple[str, bytes]:
    return ".jpg", cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def png(picture: Pixels) -> tuple[str, bytes]:
    return ".png", cv2.imencode(".png", picture)[1].tobytes()


def same_size(label: str, number: int) -> float:
    return 20.0 + number  # both classes have the same sizes


def dataset(root: Path, *, encode: Encode = jpeg, face: Callable[[str, int], float] = same_size) -> Path:
    """``root/train|val / real|fake / N``, 30 pictures each, faces in the middle.

    Fakes are the reals upside down: other photos, but their files weigh the same.
    """
    rng = np.random.default_rng(1)
    rows = []
    for split in ("train", "val"):
        for number in range(COUNT):
            real = photo(rng)
            for label, picture in (("real", real), ("fake", np.ascontiguousarray(real[::-1]))):
                suffix, content = encode(picture, label, number)
                path = root / split / label / f"{number:02}{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                size = face(label, number)
                rows.append((path.relative_to(root).as_posix(), CENTRE - size / 2, CENTRE - size / 2, size, size))
    with (root / "faces.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("file", "x", "y", "w", "h"), *rows])
    return root


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set without a flaw."""
    return dataset(tmp_path / "data")


def audited(data: Path, capsys: pytest.CaptureFixture[str], code: int) -> dict:  # type: ignore[type-arg]
    assert main(["audit", str(data), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def suspicious(report: dict) -> dict[str, dict[str, float]]:  # type: ignore[type-arg]
    """Set of pictures → property → AUC, of those above 0.6."""
    found: dict[str, dict[str, float]] = {}
    for separation in report["separations"]:
        if separation["auc"] > 0.6:
            found.setdefault(separation["pictures"], {})[separation["name"]] = separation["auc"]
    return found


def test_clean_data_gives_no_warning(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = audited(data, capsys, 0)
    assert (report["faces"], report["unreadable"], report["copies"], report["warnings"]) == (4 * COUNT, [], [], [])
    assert {s["pictures"] for s in report["separations"]} == {"train", "val"}
    assert audit_warnings(data) == []


def test_the_same_file_in_two_splits(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "val/real/05.jpg").write_bytes((data / "train/real/03.jpg").read_bytes())
    report = audited(data, capsys, 1)
    ((first, second),) = report["copies"]
    assert (first["file"], second["file"]) == ("train/real/03.jpg", "val/real/05.jpg")
    assert first["sha256"] == second["sha256"]
    (warning,) = report["warnings"]
    assert (
        warning == "photos that lie in more than one split (1 as identical files): 1, such as train/real/03.jpg = val/real/05.jpg"
    )


@pytest.mark.parametrize(
    "again",
    [
        lambda picture: jpeg(picture, quality=60)[1],
        lambda picture: jpeg(cv2.resize(picture, (80, 80), interpolation=cv2.INTER_AREA))[1],
        lambda picture: jpeg(cv2.convertScaleAbs(picture, alpha=0.8, beta=20))[1],
        lambda picture: jpeg(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))[1],
    ],
    ids=["recompressed", "scaled", "brightened", "made grey"],
)
def test_the_same_photo_stored_again_in_another_split(
    data: Path, capsys: pytest.CaptureFixture[str], again: Callable[[Pixels], bytes]
) -> None:
    (data / "val/fake/07.jpg").write_bytes(again(cv2.imread(str(data / "train/fake/11.jpg"))))
    report = audited(data, capsys, 1)
    (group,) = report["copies"]
    assert [copy["file"] for copy in group] == ["train/fake/11.jpg", "val/fake/07.jpg"]
    assert len({copy["sha256"] for copy in group}) == 2
    (warning,) = report["warnings"]
    assert warning.startswith("photos that lie in more than one split (0 as identical files): 1, ")


def test_copies_inside_a_split_are_noted_and_both_labels_on_one_file_are_a_warning(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "train/real/01.jpg").write_bytes((data / "train/real/00.jpg").read_bytes())
    report = audited(data, capsys, 0)
    assert "photos that are more than once in one class of one split: 1, " in report["notes"][0]
    forged = cv2.imread(str(data / "train/real/02.jpg"))
    forged[CENTRE - 5 : CENTRE + 5, CENTRE - 5 : CENTRE + 5] += 20
    (data / "train/fake/02.jpg").write_bytes(jpeg(forged)[1])
    report = audited(data, capsys, 0)
    assert "forgeries beside their originals or wrong labels: 1, " in report["notes"][1]
    (data / "train/fake/00.jpg").write_bytes((data / "train/real/00.jpg").read_bytes())
    (warning,) = audited(data, capsys, 1)["warnings"]
    assert "labelled both real and fake in identical files: 1, such as train/fake/00.jpg = train/real/00.jpg" in warning


def test_flat_pictures_are_no_copies_of_each_other(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, level in enumerate((0, 90, 180)):
        for split, shift in (("train", 0), ("val", 1)):
            flat = np.full((SIDE, SIDE, 3), level + 40 * shift, np.uint8)
            (data / f"{split}/real/{number:02}.jpg").write_bytes(jpeg(flat)[1])
    assert audited(data, capsys, 0)["copies"] == []


def test_pictures_of_like_light_but_other_content_are_no_copies(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    light = np.linspace(30, 200, SIDE)[:, None, None]
    for path in sorted(data.glob("*/*/0*.jpg")):
        path.write_bytes(jpeg(np.asarray(light + cv2.imread(str(path)) * 0.15, np.uint8))[1])
    assert audited(data, capsys, 0)["copies"] == []


def grey_fakes(picture: Pixels, label: str, number: int) -> tuple[str, bytes]:
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return jpeg(grey if label == "fake" and number % 2 else picture)


def coarser_fakes(picture: Pixels, label: str, number: int) -> tuple[str, bytes]:
    return jpeg(picture, quality=75 if label == "fake" else 90)


def real_between(picture: Pixels, label: str, number: int) -> tuple[str, bytes]:
    return jpeg(picture, quality=82 if label == "real" else (75, 90)[number % 2])


def lossless_fakes(picture: Pixels, label: str, number: int) -> tuple[str, bytes]:
    return png(picture) if label == "fake" else jpeg(picture)


def wider_fakes(picture: Pixels, label: str, number: int) -> tuple[str, bytes]:
    return jpeg(np.hstack([picture, picture[:, :16]]) if label == "fake" else picture)


@pytest.mark.parametrize(
    ("encode", "at_least"),
    [
        (grey_fakes, {"grey": 0.74}),
        (coarser_fakes, {"JPEG tables": 1.0, "JPEG table mean": 1.0, "bytes per pixel": 0.9}),
        (real_between, {"JPEG tables": 1.0, "JPEG table mean": 0.9}),
        (lossless_fakes, {"file format": 1.0, "JPEG tables": 1.0, "chroma subsampling": 1.0, "bytes per pixel": 0.9}),
        (wider_fakes, {"picture width": 1.0, "picture aspect": 1.0}),
    ],
)
def test_how_a_class_was_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encode: Encode, at_least: dict[str, float]
) -> None:
    report = audited(dataset(tmp_path / "data", encode=encode), capsys, 1)
    assert set(suspicious(report)) == {"train", "val"}
    for found in suspicious(report).values():
        assert {name: found.get(name, 0.0) >= least for name, least in at_least.items()} == dict.fromkeys(at_least, True)
        expected = {
            *at_least,
            "bytes per pixel",
            "framing (face / picture)",
            "face position x",
        }  # all of them change with storage
        assert set(found) <= expected
    assert any(next(iter(at_least)) in warning for warning in report["warnings"])


def test_larger_faces_in_one_class_are_told_for_the_crop_and_for_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = dataset(tmp_path / "data", face=lambda label, number: 20.0 + number + 20.0 * (label == "fake"))
    report = audited(data, capsys, 1)
    # Of all pairs of a fake and a real face, the fake one is larger unless its number is at least 20 lower.
    smaller = sum(real > fake + 20 for real in range(COUNT) for fake in range(COUNT)) + 0.5 * (COUNT - 20)
    expected = 1 - smaller / COUNT**2
    for split in ("train", "val"):
        found = suspicious(report)[split]
        assert found["face size (px)"] == pytest.approx(expected, abs=1e-3)
        assert found["framing (face / picture)"] == pytest.approx(expected, abs=1e-3)
    size, framing = (next(w for w in report["warnings"] if w.startswith(name)) for name in ("face size", "framing"))
    assert "larger in fakes: 54.5 against 34.5" in size and "face crops carry it too" in size
    assert "face crops do not carry it" in framing


def test_crops_that_reach_outside_the_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = dataset(tmp_path / "data", face=lambda label, number: 90.0 if label == "fake" and number % 2 else 60.0)
    splits = suspicious(audited(data, capsys, 1))
    # Half of the fakes reach outside, no real one does.
    assert {split: found["crop outside picture"] for split, found in splits.items()} == {"train": 0.75, "val": 0.75}


def test_framing_is_relative_to_the_picture_and_face_size_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def enlarged(picture: Pixels, label: str, number: int) -> tuple[str, bytes]:
        return jpeg(cv2.resize(picture, None, fx=2, fy=2) if label == "fake" else picture)

    data = dataset(tmp_path / "data", encode=enlarged)
    heading, *rows = [line.split(",") for line in (data / "faces.csv").read_text().splitlines()]
    scaled = [[row[0], *(str(float(cell) * (2 if "fake" in row[0] else 1)) for cell in row[1:])] for row in rows]
    (data / "faces.csv").write_text("\n".join(",".join(row) for row in [heading, *scaled]))
    splits = suspicious(audited(data, capsys, 1))
    assert set(splits) == {"train", "val"}
    for found in splits.values():
        assert {"face size (px)", "picture width", "picture height"} <= set(found)
        assert not {"framing (face / picture)", "face position x", "face position y", "picture aspect"} & set(found)


def test_size_matched_faces_are_also_measured_by_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = dataset(tmp_path / "data", face=lambda label, number: 20.0 + number + 30.0 * (label == "fake" and number >= 15))
    lines = (data / "faces.csv").read_text().splitlines()
    matched = [f"{line},{int(int(Path(line.split(',')[0]).stem) < 15)}" for line in lines[1:]]
    (data / "faces.csv").write_text("\n".join([f"{lines[0]},size_matched", *matched]))
    report = audited(data, capsys, 1)
    sizes = {s["pictures"]: s["auc"] for s in report["separations"] if s["name"] == "face size (px)"}
    assert set(sizes) == {"train", "train, size-matched", "val", "val, size-matched"}
    assert sizes["train"] > 0.6 and sizes["train, size-matched"] == 0.5


def test_unreadable_pictures_are_left_out_and_listed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "train/real/04.jpg").write_bytes(b"no picture")
    (data / "val/fake/09.jpg").write_bytes(b"")
    report = audited(data, capsys, 0)
    assert report["faces"] == 4 * COUNT - 2
    assert [("04.jpg" in reason, "09.jpg" in reason) for reason in report["unreadable"]] == [(True, False), (False, True)]
    for path in data.glob("*/*/*.jpg"):
        path.write_bytes(b"no picture")
    assert main(["audit", str(data)]) == 2
    assert "none of the 120 pictures" in capsys.readouterr().err


def test_too_few_pictures_are_said_not_measured(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((data / "val/fake").glob("*.jpg"))[8:]:
        path.unlink()
    report = audited(data, capsys, 0)
    assert report["too_few"] == ["val"] and {s["pictures"] for s in report["separations"]} == {"train"}
    assert any("val: fewer than 10" in note for note in report["notes"])


def test_real_pictures_alone_are_searched_for_copies(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in data.glob("*/fake"):
        shutil.rmtree(path)
    (data / "val/real/05.jpg").write_bytes((data / "train/real/03.jpg").read_bytes())
    report = audited(data, capsys, 1)
    assert (report["separations"], report["too_few"], len(report["copies"])) == ([], ["train", "val"], 1)
    assert main(["audit", str(data)]) == 1
    assert "too few to measure" in capsys.readouterr().out


def test_the_text_shows_figures_warnings_and_where_they_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = dataset(tmp_path / "data", encode=grey_fakes)
    assert main(["audit", str(data)]) == 1
    text = capsys.readouterr().out
    (row,) = [line for line in text.splitlines() if line.startswith("grey")]
    assert row.split() == ["grey", "0.750", "≠", "!", "0.750", "≠", "!", "yes"]
    assert "warning: grey alone separates real from fake, AUC 0.75 in train (different in fakes: " in text
    (path,) = Path("runs/audits").glob("data-*.json")
    assert f"kept in {path}" in text


def test_later_reports_learn_the_warnings_and_that_data_has_changed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit_warnings(data) is None
    (data / "val/real/05.jpg").write_bytes((data / "train/real/03.jpg").read_bytes())
    warnings = audited(data, capsys, 1)["warnings"]
    assert audit_warnings(data) == warnings != []
    table = data / "faces.csv"
    changes = [
        lambda: (data / "val/real/05.jpg").write_bytes(jpeg(photo(np.random.default_rng(9)))[1]),
        lambda: (data / "val/real/06.jpg").unlink(),
        lambda: table.write_text(table.read_text().replace("20.0,20.0", "21.0,21.0")),
    ]
    for change in changes:
        change()
        stale, *_ = audit_warnings(data) or [""]
        assert "the data changed since its audit: run python -m training audit" in stale
        audited(data, capsys, 0)
        assert audit_warnings(data) == []
    (path,) = Path("runs/audits").glob("data-*.json")
    for damage in ("{", "[]", "{}"):
        path.write_text(damage)
        (warning,) = audit_warnings(data) or [""]
        assert "cannot be read" in warning


def test_a_manifest_with_two_faces_in_one_picture(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row.split(",") for row in (data / "faces.csv").read_text().splitlines()[1:]]
    faces = [("data/" + file, file.split("/")[1], file.split("/")[0], *box) for file, *box in rows]
    second = [("data/train/real/00.jpg", "fake", "train", 2, 2, 30, 30)]
    manifest = tmp_path / "list.csv"
    with manifest.open("w", newline="") as stream:
        csv.writer(stream).writerows([("file", "label", "split", "x", "y", "w", "h"), *faces, *second])
    report = audited(manifest, capsys, 0)
    assert (report["faces"], report["copies"]) == (4 * COUNT + 1, [])
    assert audit_warnings(manifest) == []
    manifest.write_text(manifest.read_text() + "data/val/real/01.jpg,real,val,3,3,40,40\n")
    assert "changed since" in (audit_warnings(manifest) or [""])[0]


def test_the_framing_leak_of_a_public_set_is_found() -> None:
    if PUBLIC is None:
        pytest.skip("set EDGEFAKE_TEST_DATA to the folder of the OpenForensics subset (train/real, train/fake, faces.csv)")
    samples = [s for s in load_samples(PUBLIC) if s.split == "train"][::8]
    found = audit(PUBLIC, samples)
    framing = {s.pictures: s.auc for s in found.separations if s.name.startswith("framing")}
    assert framing["train"] > 0.75 and framing["train, size-matched"] < 0.55
    assert any(warning.startswith("framing") for warning in found.warnings())


def test_errors_are_explained(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(tmp_path / "nothing")]) == 2
    assert "expected a folder" in capsys.readouterr().err
    Path("runs").write_text("in the way")
    assert main(["audit", str(data)]) == 2
    assert "the folder runs/audits cannot be made (Not a directory)" in capsys.readouterr().err


def test_names_that_are_no_text_or_would_steer_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are found, kept reversibly, and shown escaped."""
    data = tmp_path / os.fsdecode(b"d\xe9")
    odd = [os.fsdecode(b"bild\xe9.jpg"), "\x1b[31mred.jpg"]
    rows = []
    picture = jpeg(photo(np.random.default_rng(0)))[1]
    for label, names in (("real", [*odd, "1.jpg"]), ("fake", ["1.jpg", "2.jpg", "3.jpg"])):
        (data / label).mkdir(parents=True)
        for name in names:
            (data / label / name).write_bytes(picture)
            rows.append(os.fsencode(f"{label}/{name},30,30,40,40\n"))
    (data / "faces.csv").write_bytes(b"file,x,y,w,h\n" + b"".join(rows))
    assert main(["audit", str(data)]) == 1
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err and (printed.out + printed.err).encode()
    report = audited(data, capsys, 1)
    names = [copy["file"] for copy in report["copies"][0]]
    assert (data / "real" / odd[0]).as_uri() in names and f"real/{odd[1]}" in names
    assert report["faces"] == 6

"""Which files ``edgefake predict`` judges, and where its copies go."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import cv2
import numpy as np
import pytest

from edgefake.images import read_image
from tests.edgefake.cli.pictures import COMMAND, KEYS, ROOT, draw, objects, predict
from tests.edgefake.images.files import tiff_of


def test_one_bad_file_never_stops_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "b.jpg").write_bytes(b"")
    whole = draw(tmp_path / "photos" / "c.jpg").read_bytes()
    (tmp_path / "photos" / "c.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "photos" / "d.jpg").symlink_to("absent")
    draw(tmp_path / "photos" / "e.png")
    (tmp_path / "photos" / "notes.txt").write_text("not looked at")
    assert predict("--json", "--threshold", "1", tmp_path / "photos") == 2
    found = objects(capsys.readouterr().out)
    assert [(Path(o["path"]).name, o["status"]) for o in found] == [
        ("a.png", "ok"),
        ("b.jpg", "error"),
        ("c.jpg", "error"),
        ("d.jpg", "error"),
        ("e.png", "ok"),
    ]
    for broken, reason in zip(found[1:4], ("0 bytes", "cut short", "No such file"), strict=True):
        assert list(broken) == [*KEYS, "error"]
        assert (broken["verdict"], broken["p_fake"], broken["faces"], broken["timings"]) == (None, None, [], None)
        assert reason in broken["error"]


def test_folders_and_patterns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("b.png", "sub/a.JPG", "sub/deep/c.png", "[x].png"):
        draw(tmp_path / name)
    expected = [str(tmp_path / name) for name in ("[x].png", "b.png", "sub/a.JPG", "sub/deep/c.png")]

    def paths(*sources: Path) -> list[str]:
        assert predict("--json", "--threshold", "1", *sources) == 0
        return [found["path"] for found in objects(capsys.readouterr().out)]

    assert paths(tmp_path) == expected
    assert paths(tmp_path / "*") == expected
    assert paths(tmp_path / "**" / "*.png") == [expected[0], expected[1], expected[3]]
    assert paths(tmp_path / "[x].png") == expected[:1]  # a file, though it reads like a pattern
    assert paths(tmp_path / "b.png", tmp_path, tmp_path / "b.png") == [expected[1], expected[0], *expected[2:]]  # each once


def test_nothing_to_judge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    image = draw(tmp_path / "a.png")
    assert predict("--json", "--threshold", "1", tmp_path / "empty", tmp_path / "*.webp", image) == 2
    empty, unmatched, judged = objects(capsys.readouterr().out)
    assert "holds no pictures" in empty["error"]
    assert "no file matches" in unmatched["error"]
    assert judged["status"] == "ok"


def test_annotated_copies_do_not_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = [draw(Path(name), seed=i) for i, name in enumerate(("in/a.png", "in/a.jpg", "in/x/a.png", "in/y/a.png"))]
    before = [path.read_bytes() for path in inputs]
    assert predict("--threshold", "1", "--annotate", "out", "in", tmp_path / "in" / "a.png") == 0
    copies = sorted(str(path) for path in Path("out").rglob("*") if path.is_file())
    assert copies == [f"out/{name}.annotated.jpg" for name in ("a.jpg", "a.png", "x/a.png", "y/a.png")]
    assert [path.read_bytes() for path in inputs] == before
    for path in inputs:
        copy = read_image(Path("out", *path.parts[1:-1], f"{path.name}.annotated.jpg"))
        picture = read_image(path)
        assert copy.shape == picture.shape
        assert cv2.absdiff(copy, picture).max() > 100  # the box


def test_copies_never_go_among_the_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = draw(tmp_path / "in" / "sub" / "a.png")
    (tmp_path / "link").symlink_to("in")
    for folder in ("in", "link", "in/sub"):
        assert predict("--annotate", tmp_path / folder, tmp_path / "in") == 2
        assert "where --annotate writes" in capsys.readouterr().err
    assert list((tmp_path / "in").rglob("*")) == [image.parent, image]


def test_a_folder_for_copies_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = draw(tmp_path / "a.png")
    (tmp_path / "file").write_text("in the way")
    assert predict("--annotate", tmp_path / "file" / "out", image) == 2
    assert "--annotate" in capsys.readouterr().err


def test_a_copy_that_cannot_be_written_is_that_pictures_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = [draw(tmp_path / "in" / name) for name in ("a.png", "b.png")]
    (tmp_path / "out" / "a.png.annotated.jpg").mkdir(parents=True)
    assert predict("--json", "--threshold", "1", "--annotate", tmp_path / "out", *images) == 2
    first, second = objects(capsys.readouterr().out)
    assert "cannot be written" in first["error"]
    assert second["status"] == "ok"
    assert len(list((tmp_path / "out").iterdir())) == 2  # no partial file


def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    path.write_bytes(draw(tmp_path / "a.png").read_bytes())
    run = subprocess.run([*COMMAND, "--threshold", "1", path], cwd=ROOT, capture_output=True, check=False)
    assert (run.returncode, b"Traceback" in run.stderr) == (0, False)
    assert rb"\xff.png" in run.stdout
    again = subprocess.run([*COMMAND, "--json", "--annotate", tmp_path / "out", path], cwd=ROOT, capture_output=True, check=False)
    kept = json.loads(again.stdout)["path"]
    assert unquote_to_bytes(urlsplit(kept).path) == os.fsencode(path)
    assert os.listdir(os.fsencode(tmp_path) + b"/out") == [b"\xff.png.annotated.jpg"]


def test_names_never_reach_the_terminal_raw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "a\x1b[2J.png")
    (tmp_path / "b\x1b[2J\n.png").write_text("no picture")
    assert predict("--threshold", "1", tmp_path, tmp_path / "c\x1b.png", f"{tmp_path}/\x1b*.png") == 2
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert r"a\x1b[2J.png" in captured.out
    assert len(captured.out.splitlines()) == 6  # head, four rows, summary


def test_a_long_name_has_a_copy(tmp_path: Path) -> None:
    images = [draw(tmp_path / "in" / f"{sign * 251}.png") for sign in "ab"]
    assert predict("--threshold", "1", "--annotate", tmp_path / "out", *images) == 0
    copies = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name[:200] for name in copies] == ["a" * 200, "b" * 200]
    assert all(name.endswith(".annotated.jpg") for name in copies)


def test_copies_are_their_owners(tmp_path: Path) -> None:
    assert predict("--threshold", "1", "--annotate", tmp_path / "out", draw(tmp_path / "a.png")) == 0
    assert (tmp_path / "out" / "a.png.annotated.jpg").stat().st_mode & 0o777 == 0o600


def test_one_file_by_several_paths_is_judged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = draw(tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to("a.png")
    monkeypatch.chdir(tmp_path)
    assert predict("--json", "--threshold", "1", "a.png", image, "./link.png", ".") == 0
    assert [found["path"] for found in objects(capsys.readouterr().out)] == ["a.png"]


def test_every_picture_of_a_file_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = np.full((120, 100, 3), 128, np.uint8)
    textured = cv2.imread(str(draw(tmp_path / "a.png")))
    (tmp_path / "pages.tif").write_bytes(tiff_of([flat, textured]))
    assert predict("--json", "--threshold", "0", "--annotate", tmp_path / "out", tmp_path / "pages.tif") == 1
    found = objects(capsys.readouterr().out)
    assert [(one["picture"], one["pictures"], one["status"]) for one in found] == [(1, 2, "face_too_blurred"), (2, 2, "ok")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"pages.tif.{n}.annotated.jpg" for n in (1, 2)]
    predict("--threshold", "1", tmp_path / "pages.tif")
    assert "pages.tif (2 of 2)" in capsys.readouterr().out


def test_what_is_passed_over_in_a_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "a.png")
    for name in ("b.mp4", "sub.mp4", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    assert predict("--json", "--threshold", "1", tmp_path) == 0
    captured = capsys.readouterr()
    assert len(objects(captured.out)) == 1
    assert "passed over 3 files (2 .mp4, 1 .txt)" in captured.err


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("https://user:secret@host/a.jpg", "download the picture first"),
        ("clip.mp4", "`edgefake video`"),
        ("pipe.png", "no regular file"),
        ("a\0b.png", "null"),
        ("x" * 5000 + ".png", "too long"),
    ],
)
def test_what_is_no_picture_gets_a_hint(
    what: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2")
    os.mkfifo("pipe.png")
    assert predict(what) == 2
    output = capsys.readouterr().out
    assert message in output
    assert "secret" not in output
    assert len(output) < 1000

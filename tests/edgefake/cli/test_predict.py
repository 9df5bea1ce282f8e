"""``edgefake predict`` with the bundled models, in this process where its output suffices and as a real process where not."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import cv2
import numpy as np
import pytest

import edgefake
from edgefake.cli import main
from edgefake.images import read_image
from tests.edgefake.images.files import tiff_of
from tests.processes import started

KEYS = ["path", "picture", "pictures", "schema", "status", "verdict", "p_fake", "faces", "threshold", "timings", "model"]
PORTRAIT = Path(__file__).parents[2] / "images" / "portrait.jpg"
ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "edgefake", "predict", "--model", "cnn_int8", "--faces", "frame"]


def draw(path: Path, *, seed: int = 0) -> Path:
    """A textured picture that ``--faces frame`` scores."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 20, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.resize(noise, (100, 120), interpolation=cv2.INTER_CUBIC))
    return path


def draw_flat(path: Path) -> Path:
    """A grey picture that has no detail to score."""
    assert cv2.imwrite(str(path), np.full((90, 90, 3), 128, np.uint8))
    return path


def predict(*arguments: str | Path) -> int:
    return main(["predict", "--model", "cnn_int8", "--faces", "frame", *map(str, arguments)])


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_portrait_with_all_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["predict", "--json", str(PORTRAIT)])
    (found,) = objects(capsys.readouterr().out)
    assert list(found) == KEYS
    assert (found["path"], found["status"], found["model"]) == (str(PORTRAIT), "ok", "resnet18_int8")
    assert len(found["faces"]) == 1
    assert {"box", "p_fake", "verdict", "status", "quality"} <= found["faces"][0].keys()  # docs/schema.md has all
    assert found["verdict"] == ("fake" if found["p_fake"] >= found["threshold"] else "real")
    assert code == (found["verdict"] == "fake")


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = draw(tmp_path / "a.png")
    assert predict("--threshold", "1", image) == 0
    assert predict("--threshold", "0", image) == 1
    assert predict("--threshold", "0", image, tmp_path / "absent.png") == 2
    assert predict("--threshold", "1", tmp_path / "absent.png", image) == 2
    assert capsys.readouterr().err == ""


def test_pictures_that_cannot_be_scored_are_not_fake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = draw_flat(tmp_path / "flat.png")
    assert predict("--threshold", "0", "--json", flat) == 0
    assert main(["predict", "--model", "cnn_int8", "--threshold", "0", "--json", str(flat)]) == 0
    blurred, faceless = objects(capsys.readouterr().out)
    assert (blurred["status"], blurred["verdict"], blurred["p_fake"], len(blurred["faces"])) == (
        "face_too_blurred",
        None,
        None,
        1,
    )
    assert (faceless["status"], faceless["verdict"], faceless["p_fake"], faceless["faces"]) == ("no_face", None, None, [])


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake, flat = draw(tmp_path / "a.png"), draw_flat(tmp_path / "flat.png")
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    assert predict("--threshold", "0", fake, flat, broken) == 2
    head, *rows, summary = capsys.readouterr().out.splitlines()
    assert head.split() == ["verdict", "p_fake", "faces", "picture"]
    assert [row.split("  ")[0] for row in rows] == ["fake", "face too blurred", "error"]
    assert rows[0].endswith(str(fake))
    assert str(broken) in rows[2]
    assert "no picture" in rows[2]
    assert summary == "3 pictures: 1 fake, 1 face too blurred, 1 error"


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "resnet18_int"], "did you mean resnet18_int8"),
        (["--model", "absent.tflite"], "does not exist"),
        (["--threshold", "fpr"], "has no threshold 'fpr'"),
        (["--threshold", "1.5"], "in 0…1"),
        (["--threads", "0"], "num_threads"),
        (["--threads", "3000000000"], "one for each core of this machine, got 3000000000"),
        (["--runtime", "cuda"], "unknown runtime 'cuda'"),
        (["--device", "GPU"], "'GPU'"),
        (["--model", "x" * 300 + ".onnx"], "does not exist"),
        (["--faces", "dlib"], "faces to be"),
        (["--faces", "absent.onnx"], "no YuNet model absent.onnx"),
        (["--faces", "https://me:secret@host/x.onnx"], "no YuNet model https://host/x.onnx"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert predict(*arguments, draw(tmp_path / "a.png")) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("edgefake: error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["predict"], ["predict", "--threads", "x", "a.png"], ["judge"]])
def test_a_wrong_command_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: edgefake" in capsys.readouterr().err


def test_no_command_at_all_gets_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: edgefake" in captured.err and "judge pictures" in captured.err


def test_a_threshold_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = draw(tmp_path / "a.png")
    for name in ("fpr_5%", "fpr_1%"):
        predict("--json", "--threshold", name, image)
    loose, strict = objects(capsys.readouterr().out)
    assert loose["threshold"] < strict["threshold"]


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


def test_standard_input(tmp_path: Path) -> None:
    data = draw(tmp_path / "a.png").read_bytes()
    for piped, code in ((data, 0), (data[:500], 2), (b"", 2)):
        run = subprocess.run(
            [*COMMAND, "--threshold", "1", "--json", "-"], cwd=ROOT, input=piped, capture_output=True, check=False
        )
        assert (run.returncode, json.loads(run.stdout)["path"]) == (code, "/dev/stdin")


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


def test_the_limit_of_pixels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = draw(tmp_path / "a.png")  # 12,000 pixels
    assert predict("--threshold", "1", "--max-megapixels", "0.013", image) == 0
    assert predict("--threshold", "1", "--max-megapixels", "0.011", image) == 2
    assert "--max-megapixels" in capsys.readouterr().out
    for wrong in ("0", "-1", "nan", "inf", "many"):
        with pytest.raises(SystemExit):
            predict("--max-megapixels", wrong, image)


def test_an_interruption(tmp_path: Path) -> None:
    command = [*COMMAND, "--json", draw(tmp_path / "a.png"), "-"]  # a picture from a writer that never writes
    with started(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert json.loads(run.stdout.readline())["path"] == str(tmp_path / "a.png")
        run.send_signal(signal.SIGINT)
        errors = run.communicate(timeout=60)[1]
    assert (run.returncode, b"Traceback" in errors) == (130, False)


def test_a_reader_that_went_away(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run([*COMMAND, draw(tmp_path / "a.png")], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert run.returncode == 141
    assert b"Traceback" not in run.stderr
    assert b"BrokenPipe" not in run.stderr


@pytest.mark.parametrize(
    "arguments", [["predict", "--model", "cnn_int8", "--json", PORTRAIT], ["models"], ["watch", "--json", PORTRAIT.parent]]
)
def test_a_full_disk_is_told_in_a_sentence(arguments: list[str | Path]) -> None:
    """Buffered output, as a user has it: Python tries to write it again at the end."""
    command, environment = [sys.executable, "-m", "edgefake", *arguments], {**os.environ, "PYTHONUNBUFFERED": ""}
    with open("/dev/full", "w") as full:
        run = subprocess.run(command, cwd=ROOT, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    lines = [line for line in run.stderr.splitlines() if "passed over" not in line]
    error = "edgefake: error: the output cannot be used (No space left on device): make room, or write elsewhere"
    assert (run.returncode, lines) == (2, [error])


def test_decoders_do_not_speak_for_themselves(tmp_path: Path) -> None:
    data = cv2.imencode(".bmp", np.zeros((40, 40, 3), np.uint8))[1].tobytes()
    (tmp_path / "a.bmp").write_bytes(data[: len(data) // 2])
    run = subprocess.run([*COMMAND, tmp_path / "a.bmp"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (2, "")
    assert "a.bmp is damaged, cut short" in run.stdout


def test_a_picture_that_needs_too_much_memory_never_stops_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    predict = edgefake.Detector.predict

    def of_small_ones(detector: edgefake.Detector, frame: np.ndarray) -> edgefake.Prediction:
        if len(frame) > 40:
            raise MemoryError
        return predict(detector, frame)

    monkeypatch.setattr(edgefake.Detector, "predict", of_small_ones)
    for name, side in (("a.png", 41), ("b.png", 40)):
        cv2.imwrite(str(tmp_path / name), np.zeros((side, side, 3), np.uint8))
    assert main(["predict", "--model", "cnn_int8", str(tmp_path)]) == 2
    said = capsys.readouterr().out
    assert "a.png needs more memory than there is: scale it down" in said
    assert "2 pictures: 1 error, 1 no face" in said


def test_progress_is_for_a_terminal_only(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw(tmp_path / name)
    terminal, end = pty.openpty()
    run = subprocess.run([*COMMAND, "--json", tmp_path], cwd=ROOT, stdout=subprocess.PIPE, stderr=end, check=False)
    os.close(end)
    shown = os.read(terminal, 4096)
    os.close(terminal)
    assert len(run.stdout.splitlines()) == 2
    assert b"0/2" in shown
    assert b"1/2" in shown
    quiet = subprocess.run([*COMMAND, "--json", tmp_path], cwd=ROOT, capture_output=True, check=False)
    assert b"0/2" not in quiet.stderr

"""``edgefake predict`` with the bundled models, in this process where its output suffices and as a real process where not."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import edgefake
from edgefake.cli import main
from tests.edgefake.cli.pictures import COMMAND, KEYS, PORTRAIT, ROOT, draw, draw_flat, objects, predict
from tests.processes import started


def test_the_portrait_with_all_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["predict", "--json", str(PORTRAIT)])
    (found,) = objects(capsys.readouterr().out)
    assert list(found) == KEYS
    assert (found["path"], found["status"], found["model"]) == (str(PORTRAIT), "ok", "lite0_local_int8")
    assert len(found["faces"]) == 1
    assert {"box", "p_fake", "verdict", "status", "quality"} <= found["faces"][0].keys()  # docs/schema.md has all
    assert (found["verdict"] == "fake") == (found["p_fake"] >= found["threshold"])
    assert code == {"real": 0, "fake": 1, "unsure": 3}[found["verdict"]]


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


def test_standard_input(tmp_path: Path) -> None:
    data = draw(tmp_path / "a.png").read_bytes()
    for piped, code in ((data, 0), (data[:500], 2), (b"", 2)):
        run = subprocess.run(
            [*COMMAND, "--threshold", "1", "--json", "-"], cwd=ROOT, input=piped, capture_output=True, check=False
        )
        assert (run.returncode, json.loads(run.stdout)["path"]) == (code, "/dev/stdin")


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

    def of_small_ones(detector: edgefake.Detector, frame: np.ndarray, **options: bool) -> edgefake.Prediction:
        if len(frame) > 40:
            raise MemoryError
        return predict(detector, frame, **options)

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

"""``edgefake watch`` on videos of the portrait, as a real process where signals and output matter."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgefake.cli import main
from edgefake.cli import watch as watch_module
from edgefake.streaming.result import SCHEMA
from tests.edgefake.streaming.results import result, track
from tests.edgefake.streaming.videos import moving_face, write_long_video, write_video
from tests.processes import started

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "edgefake", "watch", "--model", "cnn_int8", "--threads", "1"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    return write_video(tmp_path_factory.mktemp("in") / "clip.avi", moving_face(portrait, 30), codec="MJPG")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    """A file that takes long."""
    return write_long_video(tmp_path_factory.mktemp("in") / "long", portrait)


def watch(*arguments: str | Path) -> int:
    return main(["watch", "--model", "cnn_int8", "--threads", "1", *map(str, arguments)])


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_is_one_line_per_frame_and_a_summary_beside(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch("--json", "--every", "frame", "--threshold", "1", clip) == 0
    output = capsys.readouterr()
    results = objects(output.out)
    assert [line["index"] for line in results] == list(range(30))
    assert {line["schema"] for line in results} == {SCHEMA}
    assert results[-1]["verdict"] == "real"
    assert "30 frames judged in" in output.err
    assert "0 dropped, 0 reconnects; 1 face followed, 0 called fake" in output.err


def test_events_are_a_handful_of_lines_that_sinks_get_too(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = tmp_path / "events.jsonl"
    assert watch("--json", "--threshold", "0", "--jsonl", lines, clip) == 1
    output = capsys.readouterr()
    printed = objects(output.out)
    assert [line["event"] for line in printed] == ["appeared", "verdict", "gone"]
    assert [line["verdict"] for line in printed] == [None, "fake", "fake"]
    assert objects(lines.read_text()) == printed
    assert "jsonl: 3 delivered, 0 lost" in output.err


def test_new_verdicts_for_people(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch("--threshold", "0", clip) == 1
    output = capsys.readouterr()
    verdict, summary, whole = output.out.splitlines()
    assert verdict.startswith("0:00:00.5  face 1: fake, p_fake 0.") or verdict.startswith("0:00:00.6")
    assert summary.endswith("1 face followed, 1 called fake")
    assert whole.startswith("in all: fake, p_fake 0.")
    assert output.err == ""


def test_a_face_counts_as_fake_once_however_often_its_verdict_changes() -> None:
    faces = watch_module._Faces()
    news = [faces.add(result(index, track(1, p), track(2, None))) for index, p in enumerate((0.9, 0.9, 0.1, 0.9))]
    assert [len(one) for one in news] == [1, 0, 1, 1]
    assert (faces.followed, faces.fake) == (2, 1)
    for number in range(3, 3000):
        faces.add(result(9, track(number, 0.9)))
    assert faces.fake == 2998
    assert len(faces._called) <= 1000


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(tmp_path / "absent.mp4") == 2
    assert "there is no video file" in capsys.readouterr().err
    assert watch("--no-wait", "/dev/video99") == 2
    assert "there is no camera /dev/video99" in capsys.readouterr().err
    assert watch("--detect-every", "0", tmp_path) == 2
    assert "detect_every to be a whole number of at least 1" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        watch("--size", "big", "0")
    assert stopped.value.code == 2
    assert "expected WIDTHxHEIGHT" in capsys.readouterr().err


def test_a_sink_that_cannot_be_opened_is_an_error(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch("--record", clip.with_suffix(".txt"), clip) == 2
    assert "expected a file ending in" in capsys.readouterr().err


def test_a_picture_that_cannot_be_read_is_told_and_left_out(
    tmp_path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index, frame in enumerate(moving_face(portrait, 7)):
        assert cv2.imwrite(str(tmp_path / f"{index}.png"), frame)
    (tmp_path / "3.png").write_text("no picture")
    assert watch("--json", "--threshold", "1", tmp_path) == 0
    output = capsys.readouterr()
    assert [line["index"] for line in objects(output.out)] == [0, 1, 2, 4, 5, 6]
    told, summary = output.err.splitlines()
    assert told.startswith(f"edgefake: {tmp_path / '3.png'} is damaged") and told.endswith("it is left out")
    assert summary.startswith("6 pictures judged in") and "1 dropped" in summary


def test_a_source_in_which_nothing_can_be_read_is_an_error(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = clip.read_bytes()
    (tmp_path / "hollow.avi").write_bytes(data[: data.index(b"movi") + 4])
    assert watch(tmp_path / "hollow.avi") == 2
    error = f"{tmp_path / 'hollow.avi'} holds no frame that FFmpeg can decode (its codec is MJPG): get the whole file"
    assert capsys.readouterr().err == f"edgefake: error: {error}\n"
    (tmp_path / "a.jpg").write_text("no picture")
    assert watch(tmp_path) == 2
    *_, error = capsys.readouterr().err.splitlines()
    assert error == f"edgefake: error: {tmp_path} holds no picture that can be read: get the whole files"


def test_unrelated_pictures_are_judged_as_predict_judges_them(
    tmp_path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = cv2.imread(str(portrait))
    for index, side in enumerate((400, 300, 500)):
        assert cv2.imwrite(str(tmp_path / f"{index}.png"), cv2.resize(picture, (side, side)))
    assert cv2.imwrite(str(tmp_path / "9.png"), np.full((300, 300, 3), 128, np.uint8))
    threshold = ["--model", "cnn_int8", "--threshold", "0"]
    assert main(["predict", "--json", *threshold, str(tmp_path)]) == 1
    predicted = objects(capsys.readouterr().out)
    assert main(["watch", "--json", *threshold, str(tmp_path)]) == 1
    output = capsys.readouterr()
    watched = objects(output.out)
    for name in ("verdict", "p_fake"):
        assert [line[name] for line in watched] == [line[name] for line in predicted]
    assert [line["source"] for line in watched] == [line["path"] for line in predicted]
    assert [len(line["tracks"]) for line in watched] == [1, 1, 1, 0]
    assert "4 pictures judged in" in output.err and "; 3 fake, 1 no face" in output.err
    assert main(["watch", *threshold, str(tmp_path)]) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[:4]] == ["fake", "fake", "fake", "no"]


def test_pictures_of_different_sizes_are_no_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index, side in enumerate((40, 30)):
        assert cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((side, side, 3), 128, np.uint8))
    assert watch("--fps", "10", tmp_path) == 2
    assert "1.png has another size than the pictures before it: they are no film" in capsys.readouterr().err


def test_a_folder_that_grows_is_followed_until_a_signal(tmp_path: Path, portrait: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = tmp_path / "results.jsonl"
    command = [*COMMAND, "--threshold", "0", "--follow", "--jsonl", str(lines), str(folder)]
    with started(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        (folder / "notes.txt").write_text("no picture")
        for name in ("b.png", "a.png"):
            (folder / name).write_bytes(portrait.read_bytes())
            verdict, _, path = process.stdout.readline().split()
            assert (verdict, path) == ("fake", str(folder / name))
        (folder / "b.png").write_bytes(portrait.read_bytes())
        assert process.stdout.readline().rstrip().endswith("b.png")
        process.terminate()
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0 and "Traceback" not in errors
    assert output.startswith("3 pictures judged in") and "; 3 fake" in output
    assert [Path(line["source"]).name for line in objects(lines.read_text())] == ["b.png", "a.png", "b.png"]


def test_a_source_of_less_than_a_frame_per_second_is_recorded(tmp_path: Path, portrait: Path) -> None:
    (tmp_path / "in").mkdir()
    for index, frame in enumerate(moving_face(portrait, 3)):
        assert cv2.imwrite(str(tmp_path / "in" / f"{index}.png"), frame)
    assert watch("--threshold", "1", "--fps", "0.5", "--record", tmp_path / "record.mp4", tmp_path / "in") == 0
    reader = cv2.VideoCapture(str(tmp_path / "record.mp4"))
    assert (reader.get(cv2.CAP_PROP_FRAME_COUNT), reader.get(cv2.CAP_PROP_FPS)) == (3, 0.5)


def test_sinks_get_everything(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines, record = tmp_path / "results.jsonl", tmp_path / "record.mp4"
    assert watch("--threshold", "1", "--every", "frame", "--jsonl", lines, "--record", record, clip) == 0
    assert [line["index"] for line in objects(lines.read_text())] == list(range(30))
    reader = cv2.VideoCapture(str(record))
    assert (reader.get(cv2.CAP_PROP_FRAME_COUNT), reader.get(cv2.CAP_PROP_FPS)) == (30, 30)
    summary = capsys.readouterr().out
    assert "jsonl: 30 delivered, 0 lost" in summary and "video file: 30 delivered, 0 lost" in summary


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_sink_that_lost_everything_is_an_error(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch("--threshold", "1", "--every", "frame", "--jsonl", "/dev/full", clip) == 2
    output = capsys.readouterr()
    assert "jsonl: 0 delivered, 30 lost" in output.out
    assert output.err.count("edgefake: sink jsonl: /dev/full cannot be written") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_in_order_with_a_summary_and_no_lost_results(number: signal.Signals, long: Path, tmp_path: Path) -> None:
    lines = tmp_path / "results.jsonl"
    command = [*COMMAND, "--json", "--every", "frame", "--threshold", "1", "--jsonl", str(lines), str(long)]
    with started(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.send_signal(number)
        # By the same reader as the first line: it may hold the next ones already, which communicate would not see.
        printed = objects(first + process.stdout.read())
        errors = process.stderr.read()
        assert process.wait(timeout=120) == 0
    assert objects(lines.read_text()) == printed
    assert re.search(rf"\b{len(printed)} frames? judged in", errors)
    assert f"jsonl: {len(printed)} delivered, 0 lost" in errors
    assert len(printed) < 15000
    assert "Traceback" not in errors


def on_terminal(command: list[str], enough: Callable[[str], bool]) -> tuple[int, str]:
    """Exit code and output of ``command``, all on one terminal; it is interrupted when its output is ``enough``."""
    terminal, end = pty.openpty()
    with started(command, cwd=ROOT, stdout=end, stderr=end, env={**os.environ, "COLUMNS": "200"}) as process:
        os.close(end)
        shown = ""
        try:
            while data := os.read(terminal, 65536):
                shown += data.decode(errors="replace")
                if enough(shown) and process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    enough = lambda text: False  # noqa: E731
        except OSError:  # how Linux tells that the other end was closed
            pass
        os.close(terminal)
        return process.wait(timeout=120), shown


def test_live_status_on_a_terminal(long: Path) -> None:
    code, shown = on_terminal([*COMMAND, "--threshold", "1", str(long)], lambda text: "#1 real" in text)
    assert code == 0
    assert "fps in" in shown and "dropped 0" in shown and "#1 real" in shown
    assert "\r\x1b[K" in shown
    last = shown.split("\r\x1b[K")
    assert any("frames judged in" in text for text in last)


def test_health_is_served_while_it_runs(long: Path) -> None:
    command = [*COMMAND, "--json", "--every", "frame", "--metrics", "0", str(long)]
    with started(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and process.stdout is not None
        url = next(word for line in process.stderr for word in line.split() if word.startswith("http://"))
        process.stdout.readline()
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert b"edgefake_frames_out_total" in answer.read()


def test_a_reader_that_goes_away_ends_it(long: Path) -> None:
    with started(
        [*COMMAND, "--json", "--every", "frame", str(long)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=120) == 141
        assert b"Traceback" not in process.stderr.read()


def test_what_nobody_foresaw_is_an_error_that_tells_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(source: str, detector: object, **options: object) -> None:
        raise RuntimeError(f"something about {source}")

    monkeypatch.setattr(watch_module, "watch", broken)
    assert watch("rtsp://admin:secret@host/main") == 2
    errors = capsys.readouterr().err
    assert "RuntimeError: something about rtsp://host/main" in errors and "secret" not in errors

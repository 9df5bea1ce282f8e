"""``edgefake video`` on videos of the portrait, as a real process where its output matters."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgefake.cli import main
from edgefake.images import read_image
from edgefake.sinks import h264
from edgefake.sinks.video_file import VideoFileSink
from tests.edgefake.streaming.results import opened, result
from tests.edgefake.streaming.videos import damage, moving_face, write_long_video, write_video
from tests.processes import started

ROOT = Path(__file__).parents[3]
KEYS = ["path", "schema", "verdict", "status", "p_fake", "frames", "coverage", "faces", "tracks"]
KEYS += ["threshold", "thresholds", "prior", "model"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    return write_video(tmp_path_factory.mktemp("in") / "clip.avi", moving_face(portrait, 30), codec="MJPG")


def video(*arguments: str | Path) -> int:
    return main(["video", "--model", "cnn_int8", "--threads", "1", *map(str, arguments)])


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_object_per_file(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert video("--json", "--threshold", "1", clip) == 0
    (found,) = objects(capsys.readouterr().out)
    assert list(found) == KEYS
    assert (found["path"], found["verdict"], found["frames"], found["model"]) == (str(clip), "real", 30, "cnn_int8")
    (track,) = found["tracks"]
    assert track["scored"] == found["faces"] > 20
    assert track["p_fake"] == found["p_fake"]


def test_exit_codes_and_the_table(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blank = write_video(tmp_path / "blank.avi", [np.full((120, 160, 3), 128, np.uint8)] * 5, codec="MJPG")
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    assert video("--threshold", "1", clip) == 0
    assert video("--threshold", "0", clip) == 1
    assert video("--threshold", "0", blank) == 0
    capsys.readouterr()
    assert video("--threshold", "0", clip, blank, broken, clip) == 2
    output = capsys.readouterr()
    head, *rows, summary = output.out.splitlines()
    assert head.split() == ["verdict", "p_fake", "frames", "faces", "tracks", "video"]
    assert [row.split("  ")[0] for row in rows] == ["fake", "no verdict", "", "error"]
    assert rows[0].endswith(str(clip)) and "is a text, not a video" in rows[3]
    assert summary == "3 videos: 1 fake, 1 no verdict, 1 error"
    assert output.err == ""


@pytest.mark.parametrize("source", ["absent.mp4", "rtsp://127.0.0.1:9/main", "0", "a\0b.mp4", "x" * 300 + ".mp4", "x/" * 3000])
def test_what_is_no_file_is_an_error(source: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert video("--json", "--annotate", tmp_path / "copies", source, clip) == 2
    found, other = objects(capsys.readouterr().out)
    assert list(found) == [*KEYS, "error"]
    assert "does not exist; for cameras and URLs there is `edgefake watch`" in found["error"] and len(found["error"]) < 1000
    assert other["frames"] == 30


def test_a_folder_stands_for_the_videos_in_it(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "videos" / "below").mkdir(parents=True)
    (tmp_path / "videos" / ".hidden").mkdir()
    for name in ("b.avi", "below/A.AVI", ".hidden.avi", ".hidden/c.avi", "notes.txt"):
        (tmp_path / "videos" / name).write_bytes(clip.read_bytes())
    assert video("--json", "--threshold", "1", tmp_path / "videos") == 0
    output = capsys.readouterr()
    assert [Path(found["path"]).name for found in objects(output.out)] == ["b.avi", "A.AVI"]
    assert output.err == "edgefake: passed over 1 file (1 .txt) not ending like videos\n"
    (tmp_path / "empty").mkdir()
    assert video("--json", "--threshold", "1", tmp_path / "empty", clip) == 2
    first, second = objects(capsys.readouterr().out)
    assert "empty holds no videos: give one with files ending in .3g2" in first["error"]
    assert second["verdict"] == "real"


def test_a_copy_that_cannot_be_written_costs_no_other_video(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.avi"
    other.write_bytes(clip.read_bytes())
    output = tmp_path / "out"
    assert video("--annotate", output, "--threshold", "1", clip, other) == 0
    (copy,) = (path for path in output.rglob("other*"))
    copy.unlink()
    copy.mkdir()
    capsys.readouterr()
    assert video("--annotate", output, "--json", "--threshold", "1", other, clip) == 2
    first, second = objects(capsys.readouterr().out)
    assert "cannot be replaced" in first["error"] and second["verdict"] == "real"


def test_the_longest_names_have_copies_too(clip: Path, tmp_path: Path) -> None:
    for name in ("x" * 251 + ".avi", "ü" * 125 + ".avi"):
        (tmp_path / name).write_bytes(clip.read_bytes())
    assert video("--threshold", "1", "--timeline", tmp_path / "p", "--annotate", tmp_path / "c", *tmp_path.glob("*.avi")) == 0
    assert len(list((tmp_path / "p").iterdir())) == len(list((tmp_path / "c").iterdir())) == 2


def test_a_file_cut_short_is_judged_and_told(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = tmp_path / "cut.avi"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 3 // 4])
    assert video("--json", "--threshold", "1", cut) == 0
    output = capsys.readouterr()
    (found,) = objects(output.out)
    assert found["verdict"] == "real"
    assert found["frames"] < 30
    assert found["coverage"] == pytest.approx(found["frames"] / 30, abs=0.01)
    assert f"cut.avi ended after {found['frames']} of 30 frames: it is cut short" in output.err
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 3])
    assert video("--json", "--threshold", "0", cut) == 0
    (found,) = objects(capsys.readouterr().out)
    assert (found["verdict"], found["p_fake"], found["status"]) == (None, None, "incomplete")
    assert 0.2 < found["coverage"] < 0.4
    assert video(cut) == 0
    assert "less than 50% of it could be read" in capsys.readouterr().out.splitlines()[-1]


def test_a_part_of_a_long_recording_is_whole(tmp_path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A Matroska file that begins at 1,000 seconds announces where it ends, not how long it is."""
    sink = opened(VideoFileSink(tmp_path / "part.mkv"), fps=30)
    for index, frame in enumerate(moving_face(portrait, 90)):
        sink.send(frame, result(index, seconds=index / 30))
    sink.close()

    def later(found: re.Match[bytes]) -> bytes:
        return found[1] + (int.from_bytes(found[2], "big") + 1_000_000).to_bytes(8, "big")

    data = (tmp_path / "part.mkv").read_bytes()
    data = re.sub(rb"(\x1f\x43\xb6\x75.{8}\xe7\x10\0\0\x08)(.{8})", later, data, flags=re.DOTALL)
    data = re.sub(rb"(?<=\x44\x89\x10\0\0\x08).{8}", struct.pack(">d", 1_003_000.0), data, count=1, flags=re.DOTALL)
    (tmp_path / "part.mkv").write_bytes(data)
    assert cv2.VideoCapture(str(tmp_path / "part.mkv")).get(cv2.CAP_PROP_FRAME_COUNT) > 30_000  # what FFmpeg believes
    assert video("--json", "--threshold", "1", tmp_path / "part.mkv") == 0
    output = capsys.readouterr()
    (found,) = objects(output.out)
    assert (found["verdict"], found["frames"], found["coverage"]) == ("real", 90, 1.0)
    assert output.err == ""


def test_a_video_is_read_on_behind_damaged_packets(tmp_path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = damage(write_video(tmp_path / "film.avi", moving_face(portrait, 60), codec="FMP4"), [20, 40])
    assert video("--json", "--threshold", "1", film) == 0
    output = capsys.readouterr()
    (found,) = objects(output.out)
    assert found["verdict"] == "real" and 57 <= found["frames"] < 60
    assert found["coverage"] == pytest.approx(found["frames"] / 60, abs=0.001)
    assert output.err.count("could not be decoded and are left out") == 1


def test_a_name_that_is_not_utf8_is_judged_like_any_other(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = tmp_path / os.fsdecode(b"film\xe9.avi")
    odd.write_bytes(clip.read_bytes())
    copies = tmp_path / os.fsdecode(b"copies\xe9")
    assert video("--json", "--threshold", "1", "--annotate", copies, odd, clip) == 0
    first, second = objects(capsys.readouterr().out)
    assert first["path"] == odd.as_uri() and second["path"] == str(clip)
    assert first["frames"] == second["frames"] == 30
    assert len(list(copies.glob("**/*.mp4"))) == 2
    assert video("--threshold", "1", odd) == 0
    assert r"film\xe9.avi" in capsys.readouterr().out


def test_timeline_and_annotated_copy(clip: Path, tmp_path: Path) -> None:
    plots, copies = tmp_path / "plots", tmp_path / "copies"
    assert video("--threshold", "0", "--timeline", plots, "--annotate", copies, clip) == 1
    assert [path.name for path in plots.iterdir()] == ["clip.avi.timeline.png"]
    assert [path.name for path in copies.iterdir()] == ["clip.avi.annotated.mp4"]
    plot = read_image(plots / "clip.avi.timeline.png")
    assert len(np.unique(plot.reshape(-1, 3), axis=0)) > 10
    reader = cv2.VideoCapture(str(copies / "clip.avi.annotated.mp4"))
    frames = [reader.read()[1] for _ in range(30)]
    assert not reader.read()[0]
    assert reader.get(cv2.CAP_PROP_FPS) == 30
    red = np.array((60, 60, 230))  # of fake
    assert (np.abs(frames[25].astype(int) - red).sum(axis=2) < 60).sum() > 200


def test_outputs_never_go_among_the_inputs(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert video("--timeline", clip.parent, clip) == 2
    assert "where --timeline writes" in capsys.readouterr().err


def test_progress_on_a_terminal_only(clip: Path) -> None:
    command = [sys.executable, "-m", "edgefake", "video", "--model", "cnn_int8", "--json", str(clip)]
    terminal, end = pty.openpty()
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=end, check=False)
    os.close(end)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert len(objects(run.stdout.decode())) == 1
    assert "%" in shown and "frames" in shown
    assert shown.endswith("\r\x1b[K")
    quiet = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert b"%" not in quiet.stderr


def test_an_interruption_ends_at_once(tmp_path: Path, portrait: Path) -> None:
    long = write_long_video(tmp_path / "long", portrait)
    command = [sys.executable, "-m", "edgefake", "video", "--model", "cnn_int8", "--annotate", str(tmp_path / "out"), str(long)]
    with started(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not list(tmp_path.glob("out/*.mp4")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_a_file_whose_frames_are_all_gone_is_an_error(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = clip.read_bytes()
    (tmp_path / "hollow.avi").write_bytes(data[: data.index(b"movi") + 4])
    assert video("--json", tmp_path / "hollow.avi") == 2
    (found,) = objects(capsys.readouterr().out)
    assert "get the whole file" in found["error"]


def test_the_figure_of_the_file_is_that_of_watch_and_explained(
    clip: Path, tmp_path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two faces one after the other, and a third for a moment."""
    face, none = moving_face(portrait, 30), [np.full((240, 320, 3), (90, 110, 120), np.uint8)] * 60
    three = write_video(tmp_path / "three.avi", [*face, *none, *face, *none, *face[:12], *none], codec="MJPG")
    assert video("--threshold", "1", three) == 0
    _, row, why = capsys.readouterr().out.splitlines()
    verdict, p_fake, frames, _, tracks, _ = row.split()
    assert (verdict, frames, tracks) == ("real", "252", "3")
    listed = rf"the highest of face \d: {p_fake}, face \d: 0\.\d+; seen too shortly to count: face 3"
    assert re.fullmatch(listed, why.strip())
    assert main(["watch", "--model", "cnn_int8", "--threads", "1", "--threshold", "1", str(three)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"in all: real, p_fake {p_fake} ({why.strip()})"


def test_a_file_that_is_real_in_all_is_so_for_watch_too(
    tmp_path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A face that is called fake on the way: it is green at first."""
    face = moving_face(portrait, 120)
    green = [np.asarray((frame * np.array([1, 1.25, 1])).clip(0, 255), np.uint8) for frame in face[:24]]
    changes = write_video(tmp_path / "changes.avi", [*green, *face[24:]], codec="MJPG")
    arguments = ["--model", "cnn_int8", "--threads", "1", "--threshold", "0.0075", str(changes)]
    assert main(["watch", *arguments]) == 0
    output = capsys.readouterr().out
    assert "face 1: fake" in output and "in all: real" in output
    assert main(["video", *arguments]) == 0


def test_a_pipe_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert video("--json", tmp_path / "pipe.mp4") == 2
    assert "pipe.mp4, which is no regular file: save it as one first" in objects(capsys.readouterr().out)[0]["error"]


def test_an_address_is_named_without_its_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert video("rtsp://admin:secret@host/main") == 2
    assert video("--json", "rtsp://admin:secret@host/main") == 2
    output = capsys.readouterr()
    assert "rtsp://host/main" in output.out and "secret" not in output.out + output.err


@pytest.mark.parametrize("encoders", [("libx264",) if h264.h264_encoder() else (), ()])
def test_copies_are_what_browsers_play_where_there_is_an_encoder_and_which_is_told(
    encoders: tuple[str, ...], clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(h264, "ENCODERS", encoders)
    assert video("--threshold", "1", "--annotate", tmp_path / "out", "--footer", clip) == 0
    told = capsys.readouterr().err
    (copy,) = (tmp_path / "out").iterdir()
    reader = cv2.VideoCapture(str(copy))
    codec = int(reader.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
    assert codec == (b"h264" if encoders else b"FMP4")
    assert ("H.264 (libx264)" in told, "edgefake[h264]" in told) == (bool(encoders), not encoders)
    there, frame = reader.read()
    assert there and reader.get(cv2.CAP_PROP_FRAME_COUNT) == 30 and frame is not None
    assert video("--threshold", "1", "--footer", clip) == 2
    assert "--annotate" in capsys.readouterr().err

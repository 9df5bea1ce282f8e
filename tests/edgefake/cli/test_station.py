"""``edgefake watch --config`` and ``edgefake reload``, as processes with signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgefake.cli import main
from tests.edgefake.streaming.videos import moving_face, write_long_video, write_video
from tests.processes import started

ROOT = Path(__file__).parents[3]
PATIENCE_S = 120.0
COMMAND = [sys.executable, "-m", "edgefake"]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    """A file that takes long."""
    return write_long_video(tmp_path_factory.mktemp("in") / "long", portrait)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A configuration of cameras and their sources, with one log."""

    def make(more: str = "", **sources: Path) -> Path:
        path = tmp_path / "edgefake.toml"
        tables = [f'[cameras.{name}]\nsource = "{source}"\n' for name, source in sources.items()]
        detector = '[detector]\nmodel = "cnn_int8"\nthreads = 1\nthreshold = 1.0\n'
        path.write_text(f'{detector}[sinks.log]\nkind = "jsonl"\npath = "{{camera}}.jsonl"\n{"".join(tables)}{more}')
        return path

    return make


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_files_to_their_end(
    tmp_path: Path, portrait: Path, write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_video(tmp_path / "clip.avi", moving_face(portrait, 30), codec="MJPG")
    config = write(door=clip, yard=clip)
    assert main(["watch", "--config", str(config), "--json"]) == 0
    output = capsys.readouterr()
    printed = objects(output.out)
    for name in ("door", "yard"):
        assert [line["event"] for line in printed if line["camera"] == name] == ["appeared", "verdict", "gone"]
        assert objects((tmp_path / f"{name}.jsonl").read_text()) == [line for line in printed if line["camera"] == name]
        assert f"{name}: 30 frames judged, 0 dropped, 0 reconnects" in output.err
    assert main(["watch", "--config", str(config)]) == 0
    words = capsys.readouterr().out
    assert "door  face 1: appeared\n" in words and "yard  face 1: real, p_fake 0." in words


def test_wrong_uses(write: Callable[..., Path], long: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch"]) == 2
    assert "expected a SOURCE to watch, or --config FILE, got neither" in capsys.readouterr().err
    config = write(a=long)
    assert main(["watch", "--config", str(config), "--fps", "3", "--jsonl", "x"]) == 2
    assert "got --fps, --jsonl too" in capsys.readouterr().err
    assert main(["watch", "--config", str(tmp_path / "absent.toml")]) == 2
    assert "absent.toml cannot be read" in capsys.readouterr().err
    assert main(["reload", str(config)]) == 2
    assert "nothing of this user watches" in capsys.readouterr().err


@pytest.fixture
def process(write: Callable[..., Path], long: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Watches cameras a and b, which have events already."""
    config = write(a=long, b=long)
    command = [*COMMAND, "watch", "--config", str(config), "--json"]
    with started(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        watching.stdout.readline()
        eventually(lambda: all((tmp_path / f"{name}.jsonl").read_text() for name in "ab"))
        yield watching


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_in_order(number: signal.Signals, process: subprocess.Popen[str], tmp_path: Path) -> None:
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and "Traceback" not in errors
    for name in "ab":
        assert f"\n{name}: " in errors
        kinds = [line["event"] for line in objects((tmp_path / f"{name}.jsonl").read_text())]
        assert kinds.count("appeared") == kinds.count("gone")
    assert not list((tmp_path / "home" / "run").glob("*.json"))


def test_a_second_process_and_a_wrong_file_change_nothing(
    process: subprocess.Popen[str], write: Callable[..., Path], long: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert process.stderr is not None
    config = tmp_path / "edgefake.toml"
    assert main(["watch", "--config", str(config)]) == 2
    assert f"is watched already by process {process.pid}" in capsys.readouterr().err
    write("[cameras.c]\nsorce = 1\n", a=long)
    assert main(["reload", str(config)]) == 2
    assert "did you mean source?" in capsys.readouterr().err
    process.send_signal(signal.SIGHUP)
    told = next(line for line in process.stderr if "is not taken" in line)
    assert "what ran before goes on: " in told and "[cameras.c]: there is no key sorce: did you mean source?" in told
    write("[cameras.c]\nsource = 1\nmodel = 'absent'\n", a=long)
    assert main(["reload", str(config)]) == 2
    assert "it was not taken, and what ran before goes on: camera c: " in capsys.readouterr().err
    assert process.poll() is None and json.loads((tmp_path / "b.jsonl").read_text().splitlines()[-1])["event"] != "gone"


def test_reload_takes_a_new_file(
    process: subprocess.Popen[str], write: Callable[..., Path], long: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(a=long, c=long)
    assert main(["reload", str(config)]) == 0
    assert capsys.readouterr().out == "c is added\nb is taken away\n"
    eventually(lambda: (tmp_path / "c.jsonl").exists())
    assert main(["reload", str(config)]) == 0
    assert capsys.readouterr().out == "nothing has changed\n"
    assert objects((tmp_path / "b.jsonl").read_text())[-1]["event"] == "gone"
    assert process.poll() is None


def test_who_was_killed_leaves_the_way_free(process: subprocess.Popen[str], tmp_path: Path, long: Path) -> None:
    process.kill()
    process.wait(PATIENCE_S)
    config = tmp_path / "edgefake.toml"
    command = [*COMMAND, "watch", "--config", str(config), "--json"]
    with started(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as again:
        assert again.stdout is not None
        assert json.loads(again.stdout.readline())["event"] == "appeared"


def test_a_reader_that_goes_away_ends_it(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.send_signal(signal.SIGTERM)  # which tells who is gone
    assert process.wait(PATIENCE_S) == 141
    assert "Traceback" not in process.stderr.read()

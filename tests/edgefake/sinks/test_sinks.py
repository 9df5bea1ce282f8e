"""The table of sinks, from which ``edgefake watch`` has its options, and the door to their classes."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from edgefake import sinks
from edgefake.cli import main
from edgefake.errors import InputError
from edgefake.pixels import Pixels
from edgefake.sinks import SINKS, Sink, SinkKind, StreamInfo
from edgefake.streaming.result import FrameResult
from tests.edgefake.streaming.videos import moving_face, write_video

ROOT = Path(__file__).parents[3]
TEXTS = {
    "record": "clip.mp4",
    "recordings": "recordings",
    "clips": "clips",
    "pictures": "pictures",
    "jsonl": "results.jsonl",
    "mqtt": "mqtt://127.0.0.1:1/door",
    "webhook": "http://127.0.0.1:1/",
}
"""What the options that take a text may be given."""


class Diary(Sink):
    """A sink of somebody else: writes each index to ``path``, and first what it was told of the stream."""

    name = "diary"

    def __init__(self, path: str) -> None:
        if not path.endswith(".txt"):
            raise InputError(f"expected a diary ending in .txt, got {path}")
        self._path = Path(path)

    def open(self, stream: StreamInfo) -> None:
        self._lines = [f"{stream.name} {stream.fps} {stream.total}"]

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        self._lines.append(str(result.index))

    def close(self) -> None:
        self._path.write_text("\n".join(self._lines))


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one row that a new sink needs."""
    monkeypatch.setitem(SINKS, "diary", SinkKind(__name__, "Diary", "FILE", "keep a diary in FILE"))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Diary.__module__])


def test_a_new_sink_is_a_class_and_a_row(diary: None, tmp_path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = write_video(tmp_path / "clip.avi", moving_face(portrait, 4), fps=25, codec="MJPG")
    command = ["watch", "--model", "cnn_int8", "--threads", "1", "--threshold", "1", "--diary"]
    assert main([*command, str(tmp_path / "diary.txt"), str(video)]) == 0
    assert (tmp_path / "diary.txt").read_text().splitlines() == [f"{video} 25.0 4", "0", "1", "2", "3"]
    assert "diary: 4 delivered, 0 lost" in capsys.readouterr().out
    assert main([*command, "diary.pdf", str(video)]) == 2
    assert "diary.pdf" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["watch", "--help"])
    assert "--diary FILE" in capsys.readouterr().out


@pytest.mark.parametrize("name", SINKS)
def test_a_row_makes_its_sink_and_touches_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is opened with the stream: a source that is not there leaves no file behind."""
    monkeypatch.chdir(tmp_path)
    kind = SINKS[name]
    sink = kind.make(TEXTS.get(name))
    assert isinstance(sink, Sink) and type(sink) is getattr(sinks, kind.function)
    assert (kind.metavar is None) == (name not in TEXTS)
    sink.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SINKS)
def test_what_a_sink_needs_is_an_extra_of_the_package(name: str) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert SINKS[name].extra in {None, *setup["options.extras_require"]}


def test_all_names_are_there_and_in_completion() -> None:
    assert set(sinks.__all__) <= set(dir(sinks))
    for name in sinks.__all__:
        assert getattr(sinks, name) is not None
    with pytest.raises(AttributeError, match="Callback"):
        _ = sinks.Callback


def test_looking_at_the_table_loads_no_sink() -> None:
    code = (
        "import json, sys, edgefake.sinks\n"
        "edgefake.sinks.SINKS, dir(edgefake.sinks)\n"
        "print(json.dumps(sorted(set(sys.modules) & {'numpy', 'cv2', 'http.client', 'edgefake.sinks.base'})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == []


def test_every_row_names_its_own_module() -> None:
    assert all(import_module(kind.module).__doc__ for kind in SINKS.values())
    assert len({kind.module for kind in SINKS.values()}) == len(SINKS)

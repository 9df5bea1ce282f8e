"""The configuration file, right and wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from edgefake.config import CameraConfig, Config, DetectorConfig, HealthConfig, SinkConfig, read_config
from edgefake.errors import InputError
from edgefake.sinks import JsonLinesSink, MqttSink

WHOLE = """
[detector]
model = "cnn_int8"
threads = 1

[health]
port = 0

[sinks.log]
kind = "jsonl"
path = "events/{camera}.jsonl"
picture = "crop"

[sinks.broker]
kind = "mqtt"
url = "mqtt://me:${SECRET}@broker/edgefake/{camera}"
qos = 2

[cameras.door]
source = "rtsp://admin:${file:door.secret}@door/main"
threshold = 0.7
sinks = ["log"]

[cameras.yard]
source = 0
size = [1280, 720]
fps = 15
live = true
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.setenv("SECRET", "p@ss/word")
    (tmp_path / "door.secret").write_text("s p\n")

    def make(text: str) -> Path:
        path = tmp_path / "edgefake.toml"
        path.write_text(text)
        return path

    return make


def test_all_that_it_may_say(write: Callable[[str], Path], tmp_path: Path) -> None:
    path = write(WHOLE)
    log = SinkConfig(name="log", kind="jsonl", options={"path": str(tmp_path / "events/{camera}.jsonl"), "picture": "crop"})
    broker = SinkConfig(name="broker", kind="mqtt", options={"url": "mqtt://me:p%40ss%2Fword@broker/edgefake/{camera}", "qos": 2})
    shared = DetectorConfig(model="cnn_int8", threads=1)
    own = DetectorConfig(model="cnn_int8", threads=1, threshold=0.7)
    door = CameraConfig(name="door", source="rtsp://admin:s%20p@door/main", detector=own, sinks=(log,))
    yard = CameraConfig(name="yard", source=0, size=(1280, 720), fps=15.0, live=True, detector=shared, sinks=(log, broker))
    assert read_config(path) == Config(cameras=(door, yard), health=HealthConfig(port=0), path=path)
    made = read_config(path).cameras[1].sinks[0].make("yard")
    assert isinstance(made, JsonLinesSink) and made.name == "log" and made.picture == "crop"
    assert isinstance(broker.make("yard"), MqttSink)


CAMERA = '[cameras.a]\nsource = "rtsp://a"\n'
SINK = '[sinks.log]\nkind = "jsonl"\n'
WRONG = {
    "": ": there is no camera: add a table [cameras.NAME] with a source",
    "cameras = 3": ": cameras: expected a table, got 3",
    "[camera.a]": ": there is no key camera: did you mean cameras?",
    "[cameras.a]\n": ": [cameras.a]: source is missing: give a text in quotes or a number",
    '[cameras.a]\nsorce = "x"': ": [cameras.a]: there is no key sorce: did you mean source?",
    "[cameras.a]\nsource = [1]": ": [cameras.a] source: expected a text in quotes or a camera's number",
    "[cameras.a]\nsource = true": ": [cameras.a] source: expected a text in quotes or a camera's number",
    '[cameras."a/../b"]\nsource = 0': ": expected a name of letters, digits, - and _, at most 64, got [cameras.a/../b]",
    f'{CAMERA}fps = "fast"': ': [cameras.a] fps: expected a number, got "fast"',
    f"{CAMERA}fps = true": ": [cameras.a] fps: expected a number, got true",
    f"{CAMERA}faces_per_frame = 1.5": ": [cameras.a] faces_per_frame: expected a whole number, got 1.5",
    f"{CAMERA}size = [1280]": ": [cameras.a] size: expected a list of 2 numbers such as [1280, 720], got a list",
    f"{CAMERA}faces_per_frame = 0": ": [cameras.a]: expected faces_per_frame",
    f"{CAMERA}detect_every = -1": ": [cameras.a]: expected detect_every",
    f"{CAMERA}live = false\nfps = 5": ": [cameras.a]: rtsp://a comes with its own frame rate",
    f"{CAMERA}size = [640, 480]": ": [cameras.a]: expected a camera to ask for a size",
    '[cameras.a]\nsource = "gopher://a"': ": [cameras.a]: expected an address of rtsp, ",
    "[cameras.a]\nsource = 0\nsize = [0, 480]": ": [cameras.a]: expected a size",
    f'{CAMERA}find = "quick"': ': [cameras.a] find: expected "fast" or "full", got "quick"',
    f'{CAMERA}modle = "x"': ": [cameras.a]: there is no key modle: did you mean model?",
    f'{CAMERA}sinks = ["lgo"]\n{SINK}path = "x"': ": [cameras.a] sinks: there is no key lgo: did you mean log?",
    f"{CAMERA}{SINK}": ": [sinks.log]: path is missing: give a text in quotes",
    f"{CAMERA}[sinks.log]\npath = 'x'": ": [sinks.log] kind: expected one of window, record, ",
    f'{CAMERA}[sinks.log]\nkind = ["jsonl"]': ": [sinks.log] kind: expected one of window, ",
    f'{CAMERA}{SINK}path = "x"\nevry = "frame"': ": [sinks.log]: there is no key evry: did you mean every?",
    f'{CAMERA}{SINK}path = "x"\nevery = "day"': ': [sinks.log] every: expected "event" or "frame", got "day"',
    f'{CAMERA}[sinks.m]\nkind = "mqtt"\nurl = "mqtt://h/a"\nqos = 7': ": [sinks.m]: expected an MQTT quality of service",
    f'{CAMERA}[cameras.b]\nsource = 0\n{SINK}path = "x"': ": [sinks.log]: a and b would write to one place: write {camera} in it",
    f'{CAMERA}[health]\nport = "x"': ': [health] port: expected a whole number, got "x"',
    '[cameras.a]\nsource = "rtsp://u:${ABSENT}@h"': ": [cameras.a] source: the environment has no ABSENT: set it",
    '[cameras.a]\nsource = "${file:absent}"': ": [cameras.a] source: the secret in absent cannot be read (No such file",
    "[cameras.a": " is no TOML: ",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_in_one_sentence_with_its_place(text: str, write: Callable[[str], Path]) -> None:
    path = write(text)
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}{WRONG[text]}") and "\n" not in str(caught.value)


def test_a_secret_is_never_shown(write: Callable[[str], Path]) -> None:
    path = write('[cameras.a]\nsource = 0\n[sinks.m]\nkind = "mqtt"\nurl = "mqtt://me:${SECRET}@"')
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert "p%40ss" not in str(caught.value) and "p@ss" not in str(caught.value)


def test_a_file_that_is_not_there_is_told_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml .*config init"):
        read_config(tmp_path / "absent.toml")


def test_one_camera_may_have_a_sink_that_two_may_not_share(write: Callable[[str], Path]) -> None:
    assert len(read_config(write(f'{CAMERA}[cameras.b]\nsource = 0\nsinks = []\n{SINK}path = "x"')).cameras) == 2


def test_sources_beside_the_file_are_found_there(
    write: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda backend: True)  # GStreamer
    (tmp_path / "in").mkdir()
    assert read_config(write('[cameras.a]\nsource = "in"')).cameras[0].source == str(tmp_path / "in")
    pipeline = f"videotestsrc ! {'identity ! ' * 500}appsink"
    assert read_config(write(f'[cameras.a]\nsource = "{pipeline}"')).cameras[0].source == pipeline
    (tmp_path / "mine.tflite").touch()
    (camera,) = read_config(write('[cameras.a]\nsource = 0\nmodel = "mine.tflite"\nfaces = "edge:mine.tflite"')).cameras
    mine = str(tmp_path / "mine.tflite")
    assert (camera.detector.model, camera.detector.faces) == (mine, f"edge:{mine}")


def test_a_source_that_is_not_there_yet_is_waited_for_beside_the_file(write: Callable[[str], Path], tmp_path: Path) -> None:
    for source, wanted in (
        ("later", str(tmp_path / "later")),
        ("/a/b.mp4", "/a/b.mp4"),
        ("0", "0"),
        ("rtsp://a/b", "rtsp://a/b"),
    ):
        assert read_config(write(f'[cameras.a]\nsource = "{source}"')).cameras[0].source == wanted
    assert read_config(write('[cameras.a]\nsource = "picamera2:0"')).cameras[0].source == "picamera2:0"

"""``edgefake frigate`` as a process of its own, against a stand-in for Frigate and a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from edgefake.cli import main
from edgefake.frigate import read_frigate_config
from edgefake.pixels import Pixels
from tests.edgefake.broker import PATIENCE_S, Broker, Listener, eventually, needs_broker
from tests.edgefake.frigate.fake_frigate import FakeFrigate, message, row
from tests.processes import started


@pytest.fixture
def frigate() -> Iterator[FakeFrigate]:
    with FakeFrigate() as frigate:
        yield frigate


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.close()


def written(folder: Path, frigate: FakeFrigate, broker: Broker, model: Path) -> Path:
    path = folder / "frigate.toml"
    path.write_text(
        f'[frigate]\nurl = "{frigate.url}"\nbroker = "mqtt://127.0.0.1:{broker.port}"\nstate = "{folder}/state.json"\n'
        f'[detector]\nmodel = "{model}"\nfaces = "frame"\nthreshold = 0.0\nthreads = 1\n'
    )
    return path


def command(path: Path) -> list[str]:
    return [sys.executable, "-m", "edgefake", "frigate", str(path)]


@needs_broker
def test_until_a_signal_ends_it(frigate: FakeFrigate, broker: Broker, model: Path, photo: Pixels, tmp_path: Path) -> None:
    frigate.pictures["a"] = cv2.imencode(".png", photo)[1].tobytes()
    ears = Listener(broker.port, "edgefake/#")
    with started(command(written(tmp_path, frigate, broker, model)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        eventually(lambda: ears.last("edgefake/frigate/status") == b"online")
        ears.publish("frigate/events", message("a", "end", snapshot=1.0, sub_label=["Bob", 0.9]))
        eventually(lambda: "a" in frigate.labels)
        eventually(lambda: "a" in json.loads((tmp_path / "state.json").read_text())["done"])
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert out.decode().startswith("front_door  a: fake, p_fake ")
    assert "front_door: 1 fake" in errors.decode()
    assert frigate.labels["a"]["subLabel"] == "Bob, fake"
    eventually(lambda: ears.last("edgefake/frigate/status") == b"offline")
    ears.close()


@needs_broker
@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_again_and_again_it_comes_back_and_judges_everybody_once_in_the_end(
    kills: int, frigate: FakeFrigate, broker: Broker, model: Path, photo: Pixels, tmp_path: Path
) -> None:
    picture = cv2.imencode(".png", photo)[1].tobytes()
    path = written(tmp_path, frigate, broker, model)
    state = tmp_path / "state.json"
    for round in range(kills):
        ids = [f"{round}-{n}" for n in range(5)]
        frigate.pictures.update(dict.fromkeys(ids, picture))
        frigate.rows += [row(id) for id in ids]
        with started(command(path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            # Killed in the middle of the crowd, at another place each time.
            eventually(lambda ids=ids, round=round: sum(id in frigate.labels for id in ids) > round % 5)  # type: ignore[misc]
            process.kill()
        assert set(json.loads(state.read_text())) == {"schema", "after", "done"}  # whole
    everybody = {f"{round}-{n}" for round in range(kills) for n in range(5)}
    with started(command(path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert any(b"judging what" in line for line in process.stderr)  # from here on a signal ends it in order
        eventually(lambda: set(json.loads(state.read_text())["done"]) == everybody)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert set(frigate.labels) == everybody
    written_labels = frigate.asked("/sub_label")
    assert len(everybody) <= written_labels <= len(everybody) + kills  # one at most was not remembered at each kill


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "url is missing"),
        ('[frigate]\nurl = "http://f:5000"\n', "broker is missing"),
        ('[frigate]\nurl = "http://f:5000"\nbroker = "mqtt://${NOWHERE_SET}@b"\n', "the environment has no NOWHERE_SET"),
        ('[frigate]\nurl = "http://f:5000"\nbroker = "mqtt://b"\ncameras = "door"\n', "cameras: expected a list of texts"),
        ('[frigate]\nurl = "http://f:5000"\nbrokr = "mqtt://b"\n', "did you mean broker"),
        ('[cameras.a]\nsource = "0"\n', "there is no key cameras"),
    ],
)
def test_a_mistake_in_the_file(text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "frigate.toml"
    path.write_text(text)
    assert main(["frigate", str(path)]) == 2
    assert words in capsys.readouterr().err


def test_without_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frigate", str(tmp_path / "none.toml")]) == 2
    assert "none.toml cannot be read (No such file or directory): write one" in capsys.readouterr().err


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.tflite").touch()
    path = tmp_path / "frigate.toml"
    path.write_text(
        '[frigate]\nurl = "https://f:8971"\nbroker = "mqtt://b"\nca_file = "f.pem"\nstate = "f.json"\n'
        '[detector]\nmodel = "mine.tflite"\n'
    )
    file = read_frigate_config(path)
    assert (file.frigate.ca_file, file.frigate.state) == (str(tmp_path / "f.pem"), str(tmp_path / "f.json"))
    assert file.detector.model == str(tmp_path / "mine.tflite")

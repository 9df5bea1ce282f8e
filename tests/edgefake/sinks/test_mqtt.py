"""MQTT against a real Mosquitto broker on loopback, which the tests start, kill and start again."""

from __future__ import annotations

import gc
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgefake.errors import InputError, SinkError
from edgefake.sinks import mqtt as module
from edgefake.sinks import queue
from edgefake.sinks.mqtt import MqttSink
from edgefake.sinks.queue import QueuedSink
from edgefake.streaming.health import Health
from edgefake.testing import check_sink
from tests.edgefake import broker as broker_module
from tests.edgefake.broker import PATIENCE_S, eventually, needs_broker
from tests.edgefake.streaming.results import STREAM, opened, result, track
from tests.processes import started

FRAME = np.zeros((2, 2, 3), np.uint8)


class Broker(broker_module.Broker):
    """A broker with readers of its own."""

    def __init__(self, folder: Path, extra: str = "allow_anonymous true") -> None:
        super().__init__(folder, extra)
        self.readers: list[Reader] = []

    def read(self, **login: str) -> Reader:
        self.readers.append(Reader(self.port, **login))
        return self.readers[-1]

    def close(self) -> None:
        for reader in self.readers:
            reader.client.disconnect()
        super().close()


class Reader:
    """Keeps what is published under ``door`` in a lasting session."""

    def __init__(self, port: int, **login: str) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.indices: list[int] = []
        self.statuses: list[str] = []
        self.payloads: list[str] = []
        self.subscribed = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="reader", clean_session=False)
        if login:
            self.client.username_pw_set(**login)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe("door/#", 1)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.subscribed.wait(PATIENCE_S)

    def _on_message(self, client: object, data: object, message: object) -> None:
        text = message.payload.decode()  # type: ignore[attr-defined]
        if message.topic == "door/status":  # type: ignore[attr-defined]
            self.statuses.append(text)
        else:
            self.payloads.append(text)
            self.indices.append(json.loads(text)["index"])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.close()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is away, which the tests wait for; not with what comes late on a busy machine."""
    monkeypatch.setattr(module, "WAIT_S", 0.2)
    monkeypatch.setattr(module, "CLOSE_S", PATIENCE_S)
    monkeypatch.setattr(queue, "LONGEST_PAUSE_S", 0.2)


def send(queued: QueuedSink, *indices: int) -> None:
    for index in indices:
        queued.send(FRAME, result(index, track()))


@needs_broker
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_every_result_arrives_with_its_status_around_it(
    qos: int, broker: Broker, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_S", PATIENCE_S)
    broker.start()
    reader = broker.read()
    queued = QueuedSink(MqttSink(f"mqtt://127.0.0.1:{broker.port}/door", qos=qos), STREAM, health)
    eventually(lambda: reader.statuses == ["online"])
    send(queued, *range(100))
    report = queued.close(PATIENCE_S)
    assert (report.delivered, report.lost, report.error) == (100, 0, None)
    eventually(lambda: reader.statuses == ["online", "offline"])
    assert reader.indices == list(range(100))
    assert json.loads(reader.payloads[7]) == result(7, track()).to_dict()


@needs_broker
def test_a_sink_may_go_on_with_another_stream(broker: Broker, health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", PATIENCE_S)
    broker.start()
    reader = broker.read()
    sink = MqttSink(f"mqtt://127.0.0.1:{broker.port}/door")
    for index in (0, 1):
        queued = QueuedSink(sink, STREAM, health)
        send(queued, index)
        assert queued.close(PATIENCE_S).delivered == 1
    sink.close()  # once more is fine
    eventually(lambda: reader.statuses == ["online", "offline"] * 2)
    assert reader.indices == [0, 1]


@needs_broker
def test_a_broker_that_is_down_at_the_start(broker: Broker, health: Health, caplog: pytest.LogCaptureFixture) -> None:
    broker.start()
    reader = broker.read()
    broker.end(signal.SIGTERM)
    queued = QueuedSink(MqttSink(f"mqtt://127.0.0.1:{broker.port}/door"), STREAM, health, size=50)
    send(queued, 0)
    eventually(lambda: queued.report().error is not None)
    send(queued, *range(1, 60))  # 0 is in the sink's hands, the queue keeps the last 50
    broker.start()
    report = queued.close(PATIENCE_S)
    assert (report.delivered, report.lost) == (51, 9)
    eventually(lambda: reader.indices == [0, *range(10, 60)])
    assert len(caplog.records) == 1 and "Connection refused" in caplog.text


@needs_broker
def test_a_broker_that_dies_and_comes_back(broker: Broker, health: Health) -> None:
    broker.start()
    reader = broker.read()
    queued = QueuedSink(MqttSink(f"mqtt://127.0.0.1:{broker.port}/door"), STREAM, health)
    send(queued, *range(10))
    eventually(lambda: len(reader.indices) == 10)
    broker.end()
    send(queued, *range(10, 40))
    broker.start()
    send(queued, *range(40, 50))
    report = queued.close(PATIENCE_S)
    assert (report.delivered, report.lost) == (50, 0)
    eventually(lambda: set(reader.indices) == set(range(50)))


@needs_broker
def test_a_broker_that_hangs_while_results_are_on_their_way(broker: Broker, health: Health) -> None:
    """It dies with what it has received but not acknowledged; the client sends that again."""
    broker.start()
    reader = broker.read()
    queued = QueuedSink(MqttSink(f"mqtt://127.0.0.1:{broker.port}/door"), STREAM, health)
    eventually(lambda: reader.statuses == ["online"])
    broker.pause()
    send(queued, *range(100))
    eventually(lambda: "acknowledges nothing" in str(queued.report().error))
    assert queued.report().delivered == module.IN_FLIGHT
    broker.end()
    broker.start()
    report = queued.close(PATIENCE_S)
    assert (report.delivered, report.lost) == (100, 0)
    eventually(lambda: set(reader.indices) == set(range(100)))


@needs_broker
def test_what_was_never_acknowledged_is_lost(broker: Broker, health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_S", 0.1)
    broker.start()
    queued = QueuedSink(MqttSink(f"mqtt://127.0.0.1:{broker.port}/door"), STREAM, health)
    send(queued, 0)
    eventually(lambda: queued.report().delivered == 1)
    broker.pause()
    send(queued, *range(1, 31))
    report = queued.close(0.3)
    assert (report.delivered, report.lost) == (1, 30) or (report.delivered, report.lost) == (0, 31)
    assert health.report().lost == {"mqtt": report.lost}


@needs_broker
def test_the_broker_tells_when_the_process_dies(broker: Broker) -> None:
    broker.start()
    reader = broker.read()
    program = (
        "import sys, time\nfrom edgefake.sinks import MqttSink, StreamInfo\n"
        "sink = MqttSink(sys.argv[1])\nsink.open(StreamInfo('door'))\nsink._connected.wait(60)\ntime.sleep(60)\n"
    )
    with started([sys.executable, "-c", program, f"mqtt://127.0.0.1:{broker.port}/door"]) as process:
        eventually(lambda: reader.statuses == ["online"])
        process.kill()
    eventually(lambda: reader.statuses == ["online", "offline"])


@needs_broker
def test_user_and_password(tmp_path: Path, health: Health) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "me", "p@ss:word"], check=True)
    broker = Broker(tmp_path, f"allow_anonymous false\npassword_file {passwords}")
    broker.start()
    try:
        reader = broker.read(username="me", password="p@ss:word")
        queued = QueuedSink(MqttSink(f"mqtt://me:p%40ss%3Aword@127.0.0.1:{broker.port}/door"), STREAM, health)
        send(queued, 1)
        assert queued.close(PATIENCE_S).delivered == 1
        eventually(lambda: reader.indices == [1])
        stranger = QueuedSink(MqttSink(f"mqtt://me:secret@127.0.0.1:{broker.port}/door"), STREAM, health)
        send(stranger, 2)
        eventually(lambda: stranger.report().error is not None)
        report = stranger.close(0.1)
        assert report.lost == 1 and "Not authorized" in str(report.error) and "secret" not in str(report.error)
    finally:
        broker.close()


@needs_broker
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")  # paho leaves the one that it does not trust open
def test_tls(tmp_path: Path, health: Health) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 "
        f"-keyout {key} -out {certificate}".split(),
        check=True,
        capture_output=True,
    )
    broker = Broker(tmp_path, f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}")
    broker.start()
    try:
        queued = QueuedSink(MqttSink(f"mqtts://127.0.0.1:{broker.port}/door", ca_file=certificate), STREAM, health)
        send(queued, *range(3))
        assert queued.close(PATIENCE_S).delivered == 3
        distrustful = QueuedSink(MqttSink(f"mqtts://127.0.0.1:{broker.port}/door"), STREAM, health)
        send(distrustful, 0)
        eventually(lambda: distrustful.report().error is not None)
        assert "certificate verify failed" in str(distrustful.report().error)
        assert distrustful.close(0.1).lost == 1
    finally:
        broker.close()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("paho")])
    gc.collect()  # the socket's warning comes here and in no other test


@pytest.mark.parametrize(
    "url",
    [
        "localhost",
        "http://localhost/a",
        "mqtt:///a",
        "mqtt://h:port/a",
        "mqtt://me:secret[@h/a",
        "mqtt://me:12/secret@h/a",
        "mqtt://h:99999/a",
        "",
        "me:secret@h",
        "mqtt://a..b/c",
    ],
)
def test_an_unusable_address(url: str) -> None:
    with pytest.raises(InputError, match="mqtt://HOST:1883/TOPIC") as caught:
        MqttSink(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("topic", ["", "/", "a/+/b", "a/%23"])
def test_an_unusable_topic(topic: str) -> None:
    with pytest.raises(InputError, match="topic"):
        MqttSink(f"mqtt://127.0.0.1:1/{topic}")


def test_arguments_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0, 1 or 2, got 3"):
        MqttSink("mqtt://127.0.0.1:1/a", qos=3)
    with pytest.raises(InputError, match="mqtts://"):
        MqttSink("mqtt://127.0.0.1:1/a", ca_file=tmp_path)
    for content in (None, "no certificate"):
        path = tmp_path / "ca.pem"
        if content:
            path.write_text(content)
        with pytest.raises(SinkError, match=r"ca\.pem .*certificates"):
            opened(MqttSink("mqtts://127.0.0.1:1/a", ca_file=path))


def test_without_paho(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(SinkError, match=r'pip install "edgefake\[stream\]"'):
        opened(MqttSink("mqtt://127.0.0.1:1/a"))


@needs_broker
def test_the_contract(broker: Broker) -> None:
    broker.start()
    reader = broker.read()
    check_sink(MqttSink(f"mqtt://127.0.0.1:{broker.port}/door"), arrived=lambda: len(reader.indices))

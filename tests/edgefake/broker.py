"""A real Mosquitto broker on loopback, which tests start, pause, kill and start again, and somebody who listens there."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH')}:/usr/sbin:/usr/local/sbin")
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="the package mosquitto is not installed")
PATIENCE_S = 60.0


class Broker:
    """Mosquitto on a port of its own, with the listener settings ``extra``; sessions and retained messages outlive its death."""

    def __init__(self, folder: Path, extra: str = "allow_anonymous true") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.config = folder / "mosquitto.conf"
        self.config.write_text(
            f"listener {self.port} 127.0.0.1\n{extra}\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\nautosave_on_changes true\n"
            + ("user root\n" if os.geteuid() == 0 else "")
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([str(MOSQUITTO), "-c", str(self.config)], stderr=subprocess.DEVNULL)
        eventually(self._listens)

    def end(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            # A paused broker is killed as it is: woken first, it could acknowledge results that die with it before it keeps them.
            if number != signal.SIGKILL:
                self.process.send_signal(signal.SIGCONT)
            self.process.wait(PATIENCE_S)
            self.process = None

    def close(self) -> None:
        self.end()

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """Keeps every message that is published below ``topics``, by topic; a retained one counts too. Also publishes."""

    def __init__(self, port: int, *topics: str) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.messages: dict[str, list[bytes]] = {}
        self.subscribed = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics])
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = lambda client, data, message: self.messages.setdefault(message.topic, []).append(message.payload)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.subscribed.wait(PATIENCE_S)

    def last(self, topic: str) -> bytes | None:
        return self.messages[topic][-1] if self.messages.get(topic) else None

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, 1, retain=retain).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds; fail when it takes too long."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("this never came about")

"""Events or results to an MQTT broker; ``docs/schema.md`` has the keys of a message."""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edgefake.errors import InputError, SinkError
from edgefake.home_assistant import BIRTH, Message, Presence, is_birth
from edgefake.mqtt import connect, new_client, parse_address
from edgefake.pixels import Pixels
from edgefake.sinks.base import Every, Sink, StreamInfo, TryLater, checked_every
from edgefake.streaming.events import Event, EventKind
from edgefake.streaming.pictures import PictureKind
from edgefake.streaming.result import FrameResult
from edgefake.text import printable
from edgefake.thresholds import Verdict, worst_verdict

if TYPE_CHECKING:
    from paho.mqtt.client import Client

IN_FLIGHT = 20
"""So many results may be on their way to the broker without its acknowledgement; further ones stay in the queue."""
WAIT_S = 3.0
"""One attempt waits so long for the connection, or for an acknowledgement that makes room."""
CLOSE_S = 1.5
"""So long ``close`` waits for the last acknowledgements."""


class MqttSink(Sink):
    """Publishes each event, or each result with ``every="frame"``, as JSON at
    ``mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC``; ``mqtts`` is over TLS.

    ``TOPIC/status`` holds, retained, ``online`` or ``offline``; the broker itself enters the latter when this process dies.
    With ``qos`` 1 (at least once) or 2 (exactly once) results outlive a broker that is away, at the start or later: ``IN_FLIGHT``
    of them here and the others in the queue before this sink, up to its bound. With 0, what is on its way when the connection
    breaks is lost unnoticed. ``ca_file`` (PEM) is for brokers whose certificate no public authority signed.

    With ``home_assistant`` the camera becomes a device of Home Assistant (``edgefake.home_assistant``), whose states are retained
    below ``TOPIC``; ``"remove"`` takes it away again.

    Raises ``InputError`` for an unusable address, ``open`` ``SinkError`` when paho-mqtt is missing or ``ca_file`` unusable.
    """

    name = "mqtt"

    def __init__(
        self,
        url: str,
        *,
        qos: int = 1,
        ca_file: str | Path | None = None,
        every: Every = "event",
        picture: PictureKind | None = None,
        home_assistant: bool | Literal["remove"] = False,
    ) -> None:
        if home_assistant and every != "event":
            raise InputError(f'expected every="event" with home_assistant, whose states follow from events, got {every!r}')
        self.every, self.picture = checked_every(every), picture or ("crop" if home_assistant is True else None)
        self._sends_picture = picture is not None
        self._home_assistant = home_assistant
        address = parse_address(url)
        if qos not in (0, 1, 2):
            raise InputError(f"expected an MQTT quality of service of 0, 1 or 2, got {qos!r}")
        if ca_file is not None and not address.tls:
            raise InputError("ca_file is for connections over TLS: give an address that starts with mqtts://")
        self._broker = str(address)
        self._address = address
        self._topic = address.topic
        self._qos = qos
        self._ca_file = ca_file
        self._client: Client | None = None

    def open(self, stream: StreamInfo) -> None:
        self._connected = threading.Event()
        self._room = threading.Semaphore(IN_FLIGHT)
        self._aside: set[int] = set()
        self._aside_lock = threading.RLock()
        self._failure = "it does not answer"
        self._faces: dict[int, tuple[Verdict | None, float | None]] = {}
        named = stream.camera not in ("", stream.name)  # in a configuration; an address is no name for people
        camera = stream.camera if named else self._topic.rpartition("/")[2]
        self._presence = Presence(camera, self._topic, status=f"{self._topic}/status")
        self._client = self._started()

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        self._publish(result.to_dict())

    def send_event(self, event: Event) -> None:
        self._publish((event if self._sends_picture else replace(event, picture=None)).to_dict())
        if self._home_assistant is True:
            self._show(event)

    def _show(self, event: Event) -> None:
        """Bring the states in Home Assistant up to what happened."""
        seen = event.track.seen
        if event.event is EventKind.GONE:
            self._faces.pop(seen.id, None)
        else:
            self._faces[seen.id] = seen.verdict, seen.p_fake
        verdicts = worst_verdict(verdict for verdict, _ in self._faces.values())
        p_fake = max([p_fake for verdict, p_fake in self._faces.values() if verdict and p_fake is not None], default=None)
        self._retain(self._presence.update(verdicts, p_fake, jpeg=event.picture.jpeg if event.picture else None))

    def _retain(self, messages: list[Message]) -> None:
        assert self._client is not None
        self._publish_aside(self._client, messages)

    def _publish_aside(self, client: Client, messages: list[Message]) -> None:
        """Retained, and not counted as results: what is lost of them is said again at the next connection."""
        for topic, payload in messages:
            with self._aside_lock:
                sent = client.publish(topic, payload, 0, retain=True)
                if not sent.rc:
                    self._aside.add(sent.mid)

    def _publish(self, message: dict[str, Any]) -> None:
        assert self._client is not None
        if not self._connected.wait(WAIT_S):
            raise TryLater(f"{self._broker} cannot be reached ({self._failure}): check address, network and broker")
        if self._qos and not self._room.acquire(timeout=WAIT_S):
            raise TryLater(f"{self._broker} acknowledges nothing: check it")
        sent = self._client.publish(self._topic, json.dumps(message), self._qos)
        if sent.rc and not self._qos:  # with 1 and 2 the client has kept it, and sends it when it is connected again
            raise TryLater(f"{self._broker} has gone away")

    def close(self) -> None:
        """Waits for acknowledgements, says ``offline`` and disconnects; raises ``SinkError`` for what is unacknowledged then."""
        client, self._client = self._client, None
        if client is None:
            return
        missing = self._unacknowledged() if self._qos else 0
        if self._connected.is_set():
            goodbye = client.publish(f"{self._topic}/status", "offline", 1, retain=True)
            if not goodbye.rc:
                goodbye.wait_for_publish(CLOSE_S)
        client.on_connect = client.on_connect_fail = client.on_disconnect = client.on_publish = client.on_message = (
            None  # not for the next stream
        )
        client.disconnect()
        if missing:
            raise SinkError(f"{self._broker} has not acknowledged the last {missing} results: check it", lost=missing)

    def _unacknowledged(self) -> int:
        until = time.monotonic() + CLOSE_S
        for acknowledged in range(IN_FLIGHT):
            wait = until - time.monotonic() if self._connected.is_set() else 0.0
            if not self._room.acquire(timeout=max(wait, 0.0)):
                return IN_FLIGHT - acknowledged
        return 0

    def _started(self) -> Client:
        client = new_client(self._address, ca_file=self._ca_file)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.on_connect, client.on_connect_fail = self._on_connect, self._on_connect_fail
        client.on_disconnect, client.on_publish = self._on_disconnect, self._on_publish
        client.on_message = self._on_message
        connect(client, self._address)
        return client

    # The client calls these in its own thread.

    def _on_connect(self, client: Client, data: object, flags: object, reason: Any, properties: object) -> None:
        if reason.is_failure:
            self._failure = printable(reason)
            return
        self._publish_aside(client, [(f"{self._topic}/status", b"online")])
        if self._home_assistant:
            client.subscribe(BIRTH, 1)
            self._announce(client)
        self._connected.set()

    def _announce(self, client: Client) -> None:
        presence = self._presence
        self._publish_aside(client, presence.removal() if self._home_assistant == "remove" else presence.messages())

    def _on_message(self, client: Client, data: object, message: Any) -> None:
        if is_birth(message.topic, message.payload):
            self._announce(client)

    def _on_connect_fail(self, client: Client, data: object) -> None:
        self._failure = printable(sys.exc_info()[1])

    def _on_disconnect(self, client: Client, data: object, flags: object, reason: object, properties: object) -> None:
        self._connected.clear()
        with self._aside_lock:
            self._aside.clear()

    def _on_publish(self, client: Client, data: object, mid: int, reason: object, properties: object) -> None:
        with self._aside_lock:
            if mid not in self._aside:
                self._room.release()
            self._aside.discard(mid)

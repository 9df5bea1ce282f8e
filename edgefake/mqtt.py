"""MQTT brokers: what an address says, and a client that finds its broker again by itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from edgefake.errors import InputError, SinkError
from edgefake.secrets import without_secrets
from edgefake.text import printable

if TYPE_CHECKING:
    from paho.mqtt.client import Client

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_S = 30
"""A broker that says nothing for half as long again is taken for dead."""
LONGEST_RECONNECT_S = 10


@dataclass(frozen=True, slots=True)
class Address:
    """``mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC``; ``mqtts`` is over TLS. As a text it is without its secrets."""

    host: str
    port: int
    topic: str
    tls: bool
    user: str | None
    password: str | None

    def __str__(self) -> str:
        return f"the MQTT broker at {self.host}:{self.port}"


def parse_address(url: str, *, topic: str = "") -> Address:
    """What ``url`` says; ``topic`` is for one without. Raises ``InputError`` for an unusable one."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
        host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, KeyError):
        host = ""
    # An @ behind the host: what was taken for the host is a password, cut in two by its / ? #.
    if not host or "@" in parts.path + parts.query + parts.fragment:
        raise InputError(
            "expected an MQTT address like mqtt://HOST:1883/TOPIC or mqtts://USER:PASSWORD@HOST/TOPIC, "
            f"got {without_secrets(url)!r}: write / ? # @ [ ] in a name or password as %2F %3F %23 %40 %5B %5D"
        )
    named = check_topic(unquote(parts.path).strip("/") or topic)
    user = None if parts.username is None else unquote(parts.username)
    return Address(host, port, named, parts.scheme == "mqtts", user, None if parts.password is None else unquote(parts.password))


def check_topic(topic: str) -> str:
    """``topic`` itself. Raises ``InputError`` for one that nothing can be published at."""
    if not topic or any(sign in topic for sign in "+#\0"):
        raise InputError(
            f"expected an MQTT topic without + and # after the host, as in mqtt://HOST/door/camera, got {printable(topic)!r}"
        )
    return topic


def new_client(address: Address, *, ca_file: str | Path | None = None) -> Client:
    """A client for ``address``, not connected yet; ``TOPIC/status`` becomes ``offline``, retained, when its connection breaks.

    ``ca_file`` (PEM) is for brokers whose certificate no public authority signed. Raises ``SinkError`` when paho-mqtt is missing
    or ``ca_file`` unusable.
    """
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise SinkError('results go to MQTT through paho-mqtt 2: pip install "edgefake[stream]"') from error
    # One lasting identity: else the will of a broken connection could come after the "online" of the next one.
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"edgefake-{os.urandom(6).hex()}")
    if address.user is not None:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        try:
            client.tls_set(None if ca_file is None else str(ca_file))
        except OSError as error:
            raise SinkError(f"{ca_file} is no file of certificates ({error}): give a PEM file") from error
    client.reconnect_delay_set(1, LONGEST_RECONNECT_S)
    client.will_set(f"{address.topic}/status", "offline", 1, retain=True)
    return client


def connect(client: Client, address: Address) -> None:
    """Begin to connect, and go on trying, in the client's own thread; returns at once."""
    client.connect_async(address.host, address.port, KEEPALIVE_S)
    client.loop_start()

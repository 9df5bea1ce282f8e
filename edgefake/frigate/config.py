"""The configuration file of `edgefake frigate`::

[frigate]
url = "http://frigate:5000"                     # or https://frigate:8971, with user and password
broker = "mqtt://me:${MQTT_PASSWORD}@broker"

[detector]                                      # optional, as for `edgefake watch --config`
model = "lite0_local_int8"
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgefake.config import DetectorConfig, HealthConfig
from edgefake.config.reading import detector_of, read_tables, table_of
from edgefake.config.tables import arguments_of
from edgefake.errors import InputError
from edgefake.mqtt import Address, check_topic, parse_address
from edgefake.text import printable
from edgefake.web import check_url

TOPIC = "edgefake/frigate"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrigateConfig:
    """Where Frigate and its broker are, whom to judge, and where that goes. The fields are the keys of ``[frigate]``.

    Raises ``InputError`` for an unusable address.
    """

    url: str
    """Of Frigate: ``http://HOST:5000``, or ``https://HOST:8971`` with ``user`` and ``password``."""
    broker: str
    """``mqtt[s]://[USER:PASSWORD@]HOST[:PORT][/TOPIC]``; below ``TOPIC`` (default ``edgefake/frigate``) is what is published."""
    user: str | None = None
    password: str | None = None
    ca_file: str | Path | None = None
    """Certificates (PEM) to trust in the place of the system's, for both addresses."""
    topic_prefix: str = "frigate"
    """As in Frigate's own configuration."""
    cameras: tuple[str, ...] = ()
    """Names in Frigate; none: all."""
    labels: tuple[str, ...] = ("person",)
    """Whom to judge."""
    look_at: Literal["snapshot", "clip"] = "snapshot"
    """The clean snapshots of a person, as soon as there is one and again when there is a better one; or, in the end, the clip."""
    sub_label: bool = True
    """Whether Frigate is told."""
    home_assistant: bool | Literal["remove"] = True
    """Whether each camera announces itself to Home Assistant; ``remove`` takes those in ``cameras`` away again."""
    state: str | Path | None = None
    """The file that remembers who was judged; default: ``frigate.json`` in ``EDGEFAKE_HOME``."""

    def __post_init__(self) -> None:
        check_url(self.url, "[frigate] url", credentials="write them as user and password")
        if (self.user is None) is not (self.password is None):
            raise InputError("expected [frigate] user and password together, got one of them: give both, or none for port 5000")
        check_topic(self.topic_prefix)
        _ = self.address

    @property
    def address(self) -> Address:
        """Of the broker."""
        return parse_address(self.broker, topic=TOPIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrigateFile:
    """The whole file."""

    frigate: FrigateConfig
    detector: DetectorConfig
    health: HealthConfig | None = None


def read_frigate_config(path: str | Path) -> FrigateFile:
    """The configuration in ``path``, relative to whose folder the paths in it are.

    Raises ``InputError`` with file, table and key of the first thing that is wrong.
    """
    path, name = Path(path), printable(path)
    missing = "write one with the tables [frigate] and, if wanted, [detector] and [health], see `edgefake frigate --help`"
    whole = read_tables(path, ("frigate", "detector", "health"), missing=missing)
    folder = path.absolute().parent
    arguments = {
        key: arguments_of(table_of(whole, key, name), target, f"{name}: [{key}]", folder=folder)
        for key, target in (("frigate", FrigateConfig), ("detector", DetectorConfig), ("health", HealthConfig))
    }
    try:
        frigate = FrigateConfig(**arguments["frigate"])
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return FrigateFile(
        frigate=frigate,
        detector=detector_of(arguments["detector"], folder),
        health=HealthConfig(**arguments["health"]) if "health" in whole else None,
    )

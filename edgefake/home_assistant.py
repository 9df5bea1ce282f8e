"""A camera as a device of Home Assistant, by its MQTT device discovery: one retained message that says all there is.

Three entities follow from it: whether a fake face is seen (a problem), p_fake, and the last face as a picture. Home Assistant
2024.11 or later reads it.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import edgefake
from edgefake.text import printable
from edgefake.thresholds import Verdict

PREFIX = "homeassistant"
BIRTH = f"{PREFIX}/status"
"""Home Assistant says ``online`` here when it has started, and wants to be told again."""

Message = tuple[str, bytes]
"""Topic and payload, to be retained."""


def is_birth(topic: str, payload: bytes) -> bool:
    """Whether a message says that Home Assistant has started."""
    return topic == BIRTH and payload == b"online"


class Presence:
    """What Home Assistant knows of the camera ``camera``, whose states are below ``topic``; whether they are to be believed
    stands at ``status``, as ``online`` or ``offline``. May be used from several threads.
    """

    def __init__(self, camera: str, topic: str, *, status: str) -> None:
        self._state, self._face = f"{topic}/state", f"{topic}/face"
        id = _identity(topic)
        self.config_topic = f"{PREFIX}/device/{id}/config"
        self._config = _discovery(id, camera, self._state, self._face, status)
        self._lock = threading.Lock()
        self._retained: dict[str, bytes] = {}
        self.update(None, None)

    def messages(self) -> list[Message]:
        """All that is to be retained: for a broker that has forgotten it, and a Home Assistant that comes up."""
        with self._lock:
            return [(self.config_topic, json.dumps(self._config).encode()), *self._retained.items()]

    def update(self, verdict: Verdict | None, p_fake: float | None, *, jpeg: bytes | None = None) -> list[Message]:
        """What is to be published when ``verdict`` and ``p_fake`` of the faces there are these (None: there is none), and the
        last face looks like ``jpeg`` (None: as before).
        """
        state = {"verdict": verdict and verdict.value, "p_fake": p_fake}
        new = {self._state: json.dumps(state).encode(), **({} if jpeg is None else {self._face: jpeg})}
        with self._lock:
            changed = [(topic, payload) for topic, payload in new.items() if self._retained.get(topic) != payload]
            self._retained.update(new)
        return changed

    def removal(self) -> list[Message]:
        """Takes the device away again, and what was retained for it."""
        return [(topic, b"") for topic in (self.config_topic, self._state, self._face)]


def _discovery(id: str, camera: str, state: str, face: str, status: str) -> dict[str, Any]:
    """The message, in the abbreviations of Home Assistant."""

    def entity(key: str, platform: str, name: str, **more: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        yield key, {"p": platform, "uniq_id": f"{id}_{key}", "name": name, **more}

    entities = [
        entity(
            "fake",
            "binary_sensor",
            "Fake face",
            dev_cla="problem",
            stat_t=state,
            val_tpl="{{ 'ON' if value_json.verdict == 'fake' else 'OFF' }}",
            json_attr_t=state,
        ),
        entity(
            "p_fake",
            "sensor",
            "p_fake",
            stat_t=state,
            val_tpl="{{ value_json.p_fake }}",
            stat_cla="measurement",
            sug_dsp_prc=3,
            ic="mdi:face-recognition",
        ),
        entity("face", "image", "Last face", img_t=face, cont_type="image/jpeg"),
    ]
    return {
        "dev": {"ids": [id], "name": f"edgefake {printable(camera)}", "mf": "edgefake", "sw": edgefake.__version__},
        "o": {"name": "edgefake", "sw": edgefake.__version__},
        "avty_t": status,
        "qos": 1,
        "cmps": dict(pair for one in entities for pair in one),
    }


def _identity(topic: str) -> str:
    """A name of letters, digits, - and _ that only this topic has."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", topic.removeprefix("edgefake/")).strip("_")
    return f"edgefake_{plain}_{sha256(topic.encode()).hexdigest()[:8]}"

"""What others are told over MQTT: each answer as JSON, and per camera what Home Assistant shows."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from edgefake.detector import Detector
from edgefake.frigate.config import FrigateConfig
from edgefake.frigate.judging import Answer
from edgefake.frigate.objects import FrigateObject
from edgefake.home_assistant import Presence
from edgefake.schema import SCHEMA, seconds_or_ms
from edgefake.thresholds import Verdict, both_thresholds, worst_verdict

if TYPE_CHECKING:
    from paho.mqtt.client import Client

SHOWN_S = 30.0
"""So long a person's verdict is shown after they have left: a short visit is judged when it is over."""


class Announcer:
    """Publishes below ``topic``: ``events``, each answer; ``CAMERA/state`` and ``CAMERA/face``, retained; and ``status``."""

    def __init__(self, client: Client, config: FrigateConfig, detector: Detector) -> None:
        self._client = client
        self._topic = topic = config.address.topic
        self._detector = detector
        self._home_assistant = config.home_assistant
        self._cameras = {camera: self._presence(camera) for camera in config.cameras}
        self._shown: dict[str, dict[str, tuple[Answer, float | None]]] = {}
        self.status = f"{topic}/status"

    def all(self) -> None:
        """Say again what is retained: the broker may have forgotten it, or Home Assistant has just come up."""
        self._client.publish(self.status, "online", 1, retain=True)
        for presence in list(self._cameras.values()):
            self._retain(presence.removal() if self._home_assistant == "remove" else presence.messages())

    def answer(self, seen: FrigateObject, answer: Answer, sub_label: str | None) -> None:
        """Tell an answer, and show it at its camera."""
        self._client.publish(f"{self._topic}/events", json.dumps(self._message(seen, answer, sub_label)), 1)
        self._shown.setdefault(seen.camera, {})[seen.id] = answer, None
        self._show(seen.camera, answer.picture.jpeg if answer.picture else None)

    def left(self, seen: FrigateObject) -> None:
        """The person is gone: the answer is shown for a little longer."""
        shown = self._shown.get(seen.camera, {})
        if seen.id in shown:
            shown[seen.id] = shown[seen.id][0], time.monotonic() + SHOWN_S

    def forget_the_gone(self) -> None:
        """Show no longer who has left long enough ago; to be called now and then."""
        now = time.monotonic()
        for camera, shown in self._shown.items():
            gone = [id for id, (_, until) in shown.items() if until is not None and until <= now]
            for id in gone:
                del shown[id]
            if gone:
                self._show(camera, None)

    def _show(self, camera: str, jpeg: bytes | None) -> None:
        answers = [answer for answer, _ in self._shown[camera].values()]
        verdict: Verdict | None = worst_verdict(answer.verdict for answer in answers)
        p_fake = max([answer.p_fake for answer in answers if answer.p_fake is not None], default=None)
        if self._home_assistant is not True:
            return
        presence = self._cameras.get(camera)
        if presence is None:
            presence = self._cameras[camera] = self._presence(camera)
            self._retain(presence.messages())
        self._retain(presence.update(verdict, p_fake, jpeg=jpeg))

    def _presence(self, camera: str) -> Presence:
        return Presence(camera, f"{self._topic}/{camera}", status=f"{self._topic}/status")

    def _retain(self, messages: list[tuple[str, bytes]]) -> None:
        if self._home_assistant:
            for topic, payload in messages:
                self._client.publish(topic, payload, 1, retain=True)

    def _message(self, seen: FrigateObject, answer: Answer, sub_label: str | None) -> dict[str, Any]:
        thresholds = self._detector.thresholds
        return {
            "schema": SCHEMA,
            "id": seen.id,
            "camera": seen.camera,
            "label": seen.label,
            "started": seconds_or_ms(seen.start),
            "ended": seen.ended,
            "status": answer.status,
            "verdict": answer.verdict and answer.verdict.value,
            "p_fake": answer.p_fake,
            "scored": answer.scored,
            "sub_label": sub_label,
            "thresholds": both_thresholds(thresholds, thresholds),
            "prior": self._detector.prior,
            "model": self._detector.scorer.name,
        }

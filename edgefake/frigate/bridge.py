"""Frigate's people in, verdicts out: listens to its messages, looks at its pictures, writes sub labels back."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from edgefake.detector import Detector
from edgefake.errors import InputError
from edgefake.frigate.announcer import Announcer
from edgefake.frigate.api import FrigateApi, FrigateError, Gone
from edgefake.frigate.cases import Case, Cases
from edgefake.frigate.config import FrigateConfig
from edgefake.frigate.judging import Answer, Person
from edgefake.frigate.memory import Memory
from edgefake.frigate.objects import FrigateObject, read_message
from edgefake.home_assistant import BIRTH, is_birth
from edgefake.models.store import cache_folder
from edgefake.mqtt import connect, new_client
from edgefake.text import printable
from edgefake.thresholds import Verdict
from edgefake.web import Away

if TYPE_CHECKING:
    from paho.mqtt.client import Client

TICK_S = 2.0
"""So often there is a sign of life when nothing happens."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""While Frigate is away, doubled each time."""
MISSES = 3
"""So often it is looked for the picture of somebody who has left, before it is held for gone."""
MISS_PAUSE_S = 2.0
CLIP_DELAY_S = 10.0
"""Frigate's recordings come in pieces of so many seconds."""
QUEUED = 5000
"""Messages that wait for a broker that is away."""
GOODBYE_S = 2.0

_log = logging.getLogger(__name__)

Listener = Callable[[FrigateObject, Answer], None]


class Bridge:
    """Judges what the Frigate in ``config`` follows, with ``detector``, in ``run`` until ``stop``; ``listener`` gets each answer.

    ``beat`` is called after every step that was made, so that whoever watches over it sees that it goes on. Raises ``SinkError``
    where paho-mqtt is missing, and ``InputError`` or ``SinkError`` for unusable certificates.
    """

    def __init__(
        self,
        config: FrigateConfig,
        detector: Detector,
        *,
        listener: Listener | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._detector = detector
        self._listener = listener
        self._beaten = beat
        self._beaten_at = time.monotonic()
        self._topic = f"{config.topic_prefix}/events"
        self.counts: Counter[tuple[str, str]] = Counter()
        """How many people of a camera were done with, by verdict or status."""
        self.failures: Counter[str] = Counter()
        """What went wrong: ``away``, ``refused``, ``gone``, ``message``, ``crowd``."""
        self.version: str | None = None
        """Of Frigate, once it has answered."""
        self._stopped = False
        self._pauses = 0
        self._told: dict[str, str] = {}
        self._connected = threading.Event()
        self._missed_some = threading.Event()
        self._cases = Cases()
        self._memory = Memory(Path(config.state) if config.state else cache_folder() / "frigate.json")
        self._newest = 0.0
        self._api = FrigateApi(config.url, user=config.user, password=config.password, ca_file=config.ca_file)
        address = config.address
        self._broker = str(address)
        self._client = new_client(address, ca_file=config.ca_file if address.tls else None)
        self._client.max_queued_messages_set(QUEUED)
        self._client.on_connect, self._client.on_message = self._on_connect, self._on_message
        self._client.on_disconnect, self._client.on_connect_fail = self._on_disconnect, self._on_connect_fail
        self._announcer = Announcer(self._client, config, detector)

    @property
    def waiting(self) -> int:
        """How many people it is not done with."""
        return len(self._cases)

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._connected.is_set()

    @property
    def idle_s(self) -> float:
        """Seconds since it last took a step."""
        return time.monotonic() - self._beaten_at

    @property
    def away(self) -> bool:
        """Whether Frigate did not answer when it was last asked."""
        return self._pauses > 0

    def run(self) -> None:
        """Until ``stop``. Raises ``FrigateError`` when Frigate refuses at the very start: nothing would ever come of it."""
        try:
            self._greet()
        except Away as error:
            self._is_away(error)
        connect(self._client, self._config.address)
        self._missed_some.set()
        while (case := self._cases.next(TICK_S)) or not self._stopped:
            if case is not None:
                self._work(case)
            self._announcer.forget_the_gone()
            if self._missed_some.is_set() and not self._cases.paused:
                self._catch_up()
            self._beat()

    def stop(self) -> None:
        """End ``run`` after the present step; returns at once. From any thread or signal handler."""
        self._stopped = True
        self._cases.close()

    def close(self) -> None:
        """Say ``offline``, deliver what can be, and let go of the broker."""
        if self.connected:
            self._client.publish(self._announcer.status, "offline", 1, retain=True).wait_for_publish(GOODBYE_S)
        self._client.on_connect = self._client.on_message = self._client.on_disconnect = self._client.on_connect_fail = None
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Bridge:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _beat(self) -> None:
        self._beaten_at = time.monotonic()
        self._beaten()

    def _greet(self) -> None:
        self.version = self._api.version()
        if not self._api.is_known:
            self._warn(
                "version",
                f"{self._api.name} is version {self.version}, and this was written for 0.14 to 0.17: it may not understand all",
            )

    def _catch_up(self) -> None:
        """Take in what Frigate saw while nobody listened."""
        self._missed_some.clear()
        try:
            if self.version is None:
                self._greet()
            for seen in self._api.objects(self._memory.after):
                self._take(seen)
            self._is_back()
        except Away as error:
            self._is_away(error)
            self._missed_some.set()
        except (FrigateError, InputError, Gone) as error:
            self._is_refused(str(error))

    def _take(self, seen: FrigateObject) -> None:
        config = self._config
        if seen.label not in config.labels or (config.cameras and seen.camera not in config.cameras) or seen.id in self._memory:
            return
        if config.look_at == "clip" and not seen.ended:
            return
        self._newest = max(self._newest, seen.start)
        self._cases.put(seen, Person(self._detector), delay=CLIP_DELAY_S if config.look_at == "clip" else 0.0)

    def _work(self, case: Case) -> None:
        """Look, if there is something new to be seen, and tell."""
        seen = case.seen
        try:
            if self._look(case, seen):
                self._tell(case, seen)
        except Gone as error:
            self._missed(case, seen, error)
            return
        except Away as error:
            self._is_away(error)
            self._cases.again(case, 0.0)
            return
        except FrigateError as error:
            self._is_refused(str(error))
            self._cases.again(case, 0.0)
            return
        self._label(case, seen)
        if seen.ended:
            self._finish(case, seen)

    def _look(self, case: Case, seen: FrigateObject) -> bool:
        """Whether there was something new, and it was judged."""
        if not self._is_new(case, seen):
            return False
        if self._config.look_at == "clip":
            case.person.add_clip(self._api.clip(seen.id), beat=self._beat)
        else:
            case.person.add_snapshot(self._api.snapshot(seen.id), seen)
        case.looked = seen
        case.misses = 0
        self._is_back()
        return True

    def _is_new(self, case: Case, seen: FrigateObject) -> bool:
        """Whether there is a picture that was not judged."""
        before = case.looked
        if self._config.look_at == "clip":
            return seen.has_clip and before is None
        if before is None or not seen.has_snapshot:
            return seen.has_snapshot
        return seen is not before and (seen.snapshot_time is None or seen.snapshot_time != before.snapshot_time)

    def _tell(self, case: Case, seen: FrigateObject) -> None:
        answer = case.person.answer
        self._announcer.answer(seen, answer, sub_label_for(answer, seen.sub_label) if self._config.sub_label else None)
        if self._listener:
            self._listener(seen, answer)

    def _label(self, case: Case, seen: FrigateObject) -> None:
        """Write the sub label back, where it is another than Frigate has."""
        answer = case.person.answer
        wanted = sub_label_for(answer, seen.sub_label)
        if not self._config.sub_label or wanted is None or answer.p_fake is None or wanted in (case.label, seen.sub_label):
            return
        score = 1.0 - answer.p_fake if answer.verdict is Verdict.REAL else answer.p_fake
        try:
            self._api.set_sub_label(seen.id, wanted, score)
            case.label = wanted
            self._is_back()
        except Gone:
            self.failures["gone"] += 1
        except Away as error:
            self._is_away(error)
            self._cases.again(case, 0.0)
        except FrigateError as error:
            self._is_refused(str(error))
            self._cases.again(case, 0.0)

    def _finish(self, case: Case, seen: FrigateObject) -> None:
        if case.due is not None or not self._cases.finish(case, seen):
            return  # there is more to do
        answer = case.person.answer
        self.counts[seen.camera, answer.verdict.value if answer.verdict else answer.status] += 1
        self._announcer.left(seen)
        oldest = self._cases.oldest_start()
        self._memory.done(seen.id, after=self._newest if oldest is None else oldest)
        if self._cases.given_up > self.failures["crowd"]:
            self.failures["crowd"] = self._cases.given_up
            self._warn("crowd", f"more people came than can be judged: {self._cases.given_up} were given up")

    def _missed(self, case: Case, seen: FrigateObject, error: Gone) -> None:
        """The picture is not there: it may come with the next message, or a little later; at last it is gone."""
        self._is_back()
        case.misses += 1
        if not seen.ended:
            return
        if case.misses <= MISSES:
            self._cases.again(case, MISS_PAUSE_S * case.misses)
            return
        self.failures["gone"] += 1
        what = f"the {self._config.look_at} of {printable(seen.id, limit=40)}"
        self._warn("gone", f"{seen.camera}: {what} is not to be had ({error})")
        self._label(case, seen)
        self._finish(case, seen)

    def _is_away(self, error: Exception) -> None:
        self.failures["away"] += 1
        self._pause(f"{error}: it is asked again")

    def _is_refused(self, told: str) -> None:
        if self.version is None:
            raise FrigateError(told)
        self.failures["refused"] += 1
        self._pause(f"{told}; it is tried again")

    def _pause(self, told: str) -> None:
        self._cases.pause(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._pauses, 10)))
        self._pauses += 1
        self._warn("frigate", told)

    def _is_back(self) -> None:
        self._pauses = 0
        self._told.pop("frigate", None)

    def _warn(self, about: str, told: str) -> None:
        """Once for each time that something else is wrong with it."""
        if told != self._told.get(about):
            _log.warning("%s", told)
        self._told[about] = told

    # The client calls these in its own thread.

    def _on_connect(self, client: Client, data: object, flags: object, reason: Any, properties: object) -> None:
        if reason.is_failure:
            self._warn("broker", f"{self._broker} refuses ({printable(reason)}): check [frigate] broker")
            return
        client.subscribe([(self._topic, 1), (BIRTH, 1)])
        self._announcer.all()
        self._told.pop("broker", None)
        self._connected.set()
        self._missed_some.set()

    def _on_connect_fail(self, client: Client, data: object) -> None:
        self._warn("broker", f"{self._broker} cannot be reached ({printable(sys.exc_info()[1])}): it is tried again")

    def _on_disconnect(self, client: Client, data: object, flags: object, reason: object, properties: object) -> None:
        self._connected.clear()

    def _on_message(self, client: Client, data: object, message: Any) -> None:
        if is_birth(message.topic, message.payload):
            self._announcer.all()
        elif message.topic == self._topic:
            try:
                self._take(read_message(message.payload))
            except InputError as error:
                self.failures["message"] += 1
                self._warn("message", str(error))


def sub_label_for(answer: Answer, present: str | None) -> str | None:
    """What is to stand as sub label where ``present`` stands: the verdict, or nothing new.

    A name that Frigate's own face recognition gave stays; only a fake is added to it: ``Bob, fake``.
    """
    verdict = answer.verdict
    if verdict is None:
        return None
    name = (present or "").removesuffix(_FAKE)
    if not name or name in set(Verdict):
        return verdict.value
    return name + _FAKE if verdict is Verdict.FAKE else name if name != present else None


_FAKE = f", {Verdict.FAKE.value}"

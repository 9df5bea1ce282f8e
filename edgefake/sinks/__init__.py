"""Where the results of a stream go: the sinks that there are, and ``Sink`` to write another one.

    class Lamp(edgefake.sinks.Sink):
        def send(self, frame, result):
            switch(on=result.verdict == "fake")

    edgefake.watch(0, detector, sinks=[Lamp(), edgefake.sinks.JsonLinesSink("results.jsonl"), a_function])

Each sink runs in a thread of its own behind a bounded queue, so that none holds up the stream; a function gets each frame and
result. Each module is imported on first use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgefake.sinks.base import Sink, SinkFunction, StreamInfo, TryLater
    from edgefake.sinks.clips import ClipsSink
    from edgefake.sinks.jsonl import JsonLinesSink
    from edgefake.sinks.mqtt import MqttSink
    from edgefake.sinks.pictures import PicturesSink
    from edgefake.sinks.queue import SinkReport
    from edgefake.sinks.recordings import RecordingsSink
    from edgefake.sinks.video_file import VideoFileSink
    from edgefake.sinks.webhook import WebhookSink
    from edgefake.sinks.window import WindowSink

__all__ = [
    "SINKS",
    "ClipsSink",
    "JsonLinesSink",
    "MqttSink",
    "PicturesSink",
    "RecordingsSink",
    "Sink",
    "SinkFunction",
    "SinkKind",
    "SinkReport",
    "StreamInfo",
    "TryLater",
    "VideoFileSink",
    "WebhookSink",
    "WindowSink",
]


@dataclass(frozen=True, slots=True)
class SinkKind:
    """A sink with an option of ``edgefake watch``: ``--NAME TEXT`` makes ``function(TEXT)``, or ``--NAME`` ``function()``."""

    module: str
    function: str
    """Its class, or a function that returns one."""
    metavar: str | None
    """What the option's text stands for; None where it has none."""
    help: str
    extra: str | None = None
    """What to install for it: ``edgefake[EXTRA]``."""
    is_shared: bool = False
    """Whether the sinks of several cameras may have the same place."""

    def load(self) -> Callable[..., Sink]:
        """What makes it: its arguments are also the keys of its table in a configuration file."""
        function: Callable[..., Sink] = getattr(import_module(self.module), self.function)
        return function

    def make(self, text: str | None = None, **arguments: Any) -> Sink:
        """The sink that the option asks for, with those of ``arguments`` that it knows. Raises ``InputError`` for a text that it
        cannot use.
        """
        function = self.load()
        known = inspect.signature(function).parameters
        asked = {name: value for name, value in arguments.items() if name in known}
        return function(*(() if self.metavar is None else (text,)), **asked)


SINKS = {
    "window": SinkKind("edgefake.sinks.window", "WindowSink", None, "show the stream with the faces marked; q or Esc ends it"),
    "record": SinkKind(
        "edgefake.sinks.video_file",
        "VideoFileSink",
        "FILE",
        "write the stream with the faces marked as a video (.mkv, .mp4, .mov, .avi)",
    ),
    "recordings": SinkKind(
        "edgefake.sinks.recordings",
        "RecordingsSink",
        "DIR",
        "write the stream with the faces marked as videos of five minutes each",
        is_shared=True,
    ),
    "clips": SinkKind(
        "edgefake.sinks.clips",
        "ClipsSink",
        "DIR",
        "write a short video of each face that is called fake, from before it was",
        is_shared=True,
    ),
    "pictures": SinkKind(
        "edgefake.sinks.pictures", "PicturesSink", "DIR", "write a picture of the face with each event", is_shared=True
    ),
    "jsonl": SinkKind("edgefake.sinks.jsonl", "JsonLinesSink", "FILE", "append every event as a line of JSON"),
    "mqtt": SinkKind(
        "edgefake.sinks.mqtt",
        "MqttSink",
        "URL",
        "publish every event: mqtt[s]://[USER:PASSWORD@]HOST[:PORT]/TOPIC",
        extra="stream",
    ),
    "webhook": SinkKind("edgefake.sinks.webhook", "WebhookSink", "URL", "post every event", is_shared=True),
}
"""By the name of its option."""

_HOMES = {
    **dict.fromkeys(("Sink", "SinkFunction", "StreamInfo", "TryLater"), "edgefake.sinks.base"),
    "SinkReport": "edgefake.sinks.queue",
    **{kind.function: kind.module for kind in SINKS.values()},
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """For completion, before a name is used."""
    return sorted({*globals(), *__all__})

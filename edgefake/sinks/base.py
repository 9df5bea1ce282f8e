"""What a sink is, and what it learns of its stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from edgefake.errors import InputError, SinkError
from edgefake.pixels import Pixels
from edgefake.streaming.events import Event
from edgefake.streaming.pictures import PictureKind
from edgefake.streaming.result import FrameResult

SinkFunction: TypeAlias = Callable[[Pixels, FrameResult], object]
"""Called with each frame and its result; what it returns is not looked at."""

Every = Literal["event", "frame"]
"""What a sink gets: what happened, or the result of each frame."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a sink is told of its stream before the first result."""

    name: str
    """What is watched, without credentials: ``0``, ``rtsp://door/main``, ``clip.mp4``."""
    fps: float | None = None
    """Frames per second, where the source tells; None where it does not, or is not there yet."""
    total: int | None = None
    """How many frames there should be, where the source tells: of files."""
    stop: Callable[[], None] = lambda: None
    """Ends the stream after its present frame; returns at once. From any thread."""
    judged_fps: Callable[[], float] = lambda: 0.0
    """How many frames per second are judged at this moment; cheap enough to ask for every frame."""
    camera: str = ""
    """The camera's name in the configuration; else that of the source."""


class TryLater(Exception):
    """What a sink raises when a result cannot be delivered now, but perhaps later: the receiver is away."""


class Sink:
    """Takes the results of a stream, one at a time; only ``send`` must be written.

    With ``every`` ``"event"`` it gets the events of the stream by ``send_event``, which must be written instead. Of pictures that
    are judged each by itself there are no events: ``send`` gets their results in any case.

    ``open``, every ``send`` and ``close`` are called in this order in one thread, the sink's own, and may block: a queue stands
    before each sink. A sink that was closed may be given to another stream, which opens it again.
    """

    name: str = ""
    """For reports and messages; that of its class where it is empty."""
    uses_frame: bool = False
    """Whether ``send`` gets frames. Without them many more results can be queued."""
    every: Every = "frame"
    """What it gets."""
    picture: PictureKind | None = None
    """What picture its events come with; None for none."""

    def open(self, stream: StreamInfo) -> None:
        """Get what results need: files, connections. The stream waits for it, and what it raises comes out of ``watch``."""

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        """Deliver one result.

        The frame (uint8, H×W×3, BGR; None without ``uses_frame``) is shared with others and must not be changed. Raises
        ``TryLater`` when the same result should be given again, and anything else when it is lost (a ``SinkError``: with those
        before it that its ``lost`` counts, where that is known).
        """
        raise SinkError(f"{type(self).__name__} takes events alone, and pictures in a folder make none: write its send")

    def send_event(self, event: Event) -> None:
        """Deliver one event; raises as ``send``. Called where ``every`` is ``"event"``."""
        raise SinkError(f"{type(self).__name__} takes no events: write its send_event")

    def close(self) -> None:
        """After the last ``send``: let go of what ``open`` got. Raises when results are lost by then, as ``send`` does."""


def checked_every(every: Every) -> Every:
    """``every`` itself. Raises ``InputError`` unless it is one of ``Every``."""
    if every not in get_args(Every):
        raise InputError(f'expected every="event" or every="frame", got {every!r}')
    return every


def as_sink(sink: Sink | SinkFunction) -> Sink:
    """``sink`` itself, or one that calls the function that it is. Raises ``InputError`` for anything else, and for one that lacks
    the method by which it would get what it takes.
    """
    if isinstance(sink, Sink):
        method = "send_event" if checked_every(sink.every) == "event" else "send"
        if getattr(type(sink), method) is getattr(Sink, method):
            raise InputError(f'{type(sink).__name__} has no {method}, by which one of every = "{sink.every}" gets it: write it')
        return sink
    if isinstance(sink, type):
        raise InputError(f"expected a sink, got the class {sink.__name__}: give an object of it, {sink.__name__}(…)")
    if not callable(sink):
        raise InputError(
            f"expected a sink, got a {type(sink).__name__}: give an object of a class derived from edgefake.sinks.Sink, "
            "or a function of frame and result"
        )
    return _Function(sink)


class _Function(Sink):
    """Calls a function of the user."""

    uses_frame = True

    def __init__(self, call: SinkFunction) -> None:
        self._call = call
        self.name = str(getattr(call, "__qualname__", type(call).__name__))

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        assert frame is not None
        self._call(frame, result)

"""``watch``: source → capture → judge → results and sinks."""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Literal

from edgefake.arguments import listed, whole_number
from edgefake.detector import Detector
from edgefake.errors import InputError
from edgefake.images import MAX_PIXELS
from edgefake.pixels import Pixels
from edgefake.sinks.base import Sink, SinkFunction, StreamInfo, as_sink
from edgefake.sinks.queue import QueuedSink, SinkReport, close_all
from edgefake.streaming.capture import Capture
from edgefake.streaming.events import Event, EventKind, Events
from edgefake.streaming.health import Health
from edgefake.streaming.judge import Judge, PictureJudge
from edgefake.streaming.pictures import Picture, PictureKind, picture_of
from edgefake.streaming.result import FrameResult, Watched
from edgefake.streaming.sources import SourceLike, find_source


def watch(
    source: SourceLike,
    detector: Detector,
    *,
    sinks: Iterable[Sink | SinkFunction] = (),
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    live: bool | None = None,
    wait: bool = False,
    detect_every: int | None = None,
    faces_per_frame: int = 4,
    max_pixels: int = MAX_PIXELS,
    health: Health | None = None,
    camera: str | None = None,
) -> Watch:
    """Judge the faces of a stream, frame by frame: ``for frame, result in edgefake.watch(0, detector)``.

    Frames are read in a thread of their own. A live source drops the oldest of the waiting frames when they come faster than they
    are judged, a file waits. Judging, and sending to the sinks, happens as the results are asked for.

    Args:
        source: a camera, URL, GStreamer pipeline, video file, folder of pictures or iterable of frames; with ``size``, ``fps``
            and ``live`` as in ``edgefake.streaming.sources.find_source``.
        wait: a live source that does not answer at the start is no error, but waited for, as one that is lost later always is.
        detector: judges the faces, and finds them by its ``faces=``, in another thread.
        sinks: get every frame and result, each in a thread of its own (``edgefake.sinks``; functions of both are sinks too), are
            opened before the first frame is judged and closed with the stream. What a live stream's sinks cannot keep up with,
            or fail to take, is lost to them, counted and told.
        detect_every: faces are searched in every n-th frame, at least twice a second, and followed in between. Default: as the
            finder says, 1 for ``edge``, 5 for others.
        faces_per_frame: at most so many faces are scored in one frame; of more, each has its turn.
        max_pixels: a video whose frames have more is refused before any is judged.
        health: counts and times this stream; give one to share it with sinks and a metrics server.
        camera: its name in events; default: that of the source.

    Raises ``InputError`` when the source cannot be opened or an argument is out of range, and in the iteration when nothing in a
    file or folder can be read; an iterable's own exceptions come out after the frames before them, those of a sink that cannot
    be opened (``SinkError``) at once.
    """
    detect_every = detector.find_every if detect_every is None else whole_number("detect_every", detect_every)
    faces_per_frame = whole_number("faces_per_frame", faces_per_frame)
    opened_later = [as_sink(sink) for sink in listed(sinks, "a list of sinks")]
    found = find_source(source, size=size, fps=fps, live=live)
    health = health or Health()
    health.end(False)
    capture = Capture(found, health=health, wait=wait)
    if capture.size and math.prod(capture.size) > max_pixels:
        capture.close()
        width, height = capture.size
        raise InputError(f"expected frames of at most {max_pixels / 1e6:g} megapixels, got {width}×{height} in {found.name}")
    judge: Judge | PictureJudge
    if found.stills:
        judge = PictureJudge(detector, source=found.name)
    else:
        judge = Judge(detector, source=found.name, live=found.live, detect_every=detect_every, faces_per_frame=faces_per_frame)
    events = Events(camera or found.name)
    running = Watch(found.name, capture, judge, events, health, live=found.live or bool(live), stills=found.stills)
    try:
        for sink in opened_later:
            running.attach(sink)
    except BaseException:
        running.close()
        raise
    return running


class Watch(Iterator[Watched]):
    """A running stream; see ``watch``.

    It is closed at its end, by its ``with`` block, by ``close``, when nothing refers to it any more, as after a ``break``, and at
    the end of the program at the latest.
    """

    def __init__(
        self,
        source: str,
        capture: Capture,
        judge: Judge | PictureJudge,
        events: Events,
        health: Health,
        *,
        live: bool,
        stills: bool,
    ) -> None:
        self.source = source
        """What is watched, without credentials."""
        self.health = health
        self.live = live
        """Whether it comes at its own pace and ends when it is stopped, unlike a file."""
        self.stills = stills
        """Whether it is a folder of pictures that are judged each by itself; results then name the picture as their source."""
        self.news: list[Event] = []
        """What happened in the frame that was handed out last; at the end of the stream, who was there then and is gone."""
        self._capture = capture
        self._judge = judge
        self._events = events
        self._when_full: Literal["drop_oldest", "wait"] = "drop_oldest" if live and not stills else "wait"
        self._sinks: list[QueuedSink] = []
        # Also at the end of the program: a thread that comes back from OpenCV later than that takes the process down with it.
        self._end = weakref.finalize(self, _end, os.getpid(), capture, judge, events, self._sinks)

    @property
    def total(self) -> int | None:
        """How many frames there should be, where the source tells."""
        return self._capture.total

    @property
    def fps(self) -> float | None:
        """Frames per second, where the source tells and once it is there."""
        return self._capture.fps

    @property
    def coverage(self) -> float | None:
        """The share of a file's frames that could be read, once it was read to its end; None in live streams."""
        return self._capture.coverage

    def __repr__(self) -> str:
        state = "closed" if not self._end.alive else "live" if self.live else "open"
        return f"<Watch of {self.source}, {state}, {len(self._sinks)} sinks>"

    def attach(self, sink: Sink | SinkFunction) -> None:
        """Open ``sink``, which raises what it raises, send it the results from now on, and close it with the stream.

        Raises ``InputError`` for what is no sink, and when the stream has ended.
        """
        if not self._end.alive:
            raise InputError(f"{self.source} has ended: attach sinks before the end of a stream")
        stop = partial(_stop, self._capture, self._sinks)  # not self.stop: the sinks' threads must not keep the stream alive
        stream = StreamInfo(self.source, self.fps, self.total, stop, self.health.fps_out, self._events.camera)
        self._sinks.append(QueuedSink(as_sink(sink), stream, self.health, when_full=self._when_full))

    def __next__(self) -> Watched:
        try:
            captured = self._capture.next() if self._end.alive else None
            if captured is None:
                self.news = _publish(self._events.end(), None, self._sinks)
                self.health.end()
                raise StopIteration
            result = self._judge.judge(captured, dropped=self._capture.dropped, reconnects=self._capture.reconnects)
            self._count(result)
            for sink in self._sinks:
                if self.stills or sink.every == "frame":
                    sink.send(captured.pixels, result)
            if not self.stills:
                self.news = _publish(self._events.update(result), captured.pixels, self._sinks)
            self._count_faces(result)
        except BaseException:
            self.close()
            raise
        return Watched(captured.pixels, result)

    def stop(self) -> None:
        """End the iteration after the present frame; returns at once. From any thread or signal handler."""
        _stop(self._capture, self._sinks)

    def close(self) -> None:
        """Release the source and close the sinks, which deliver what they hold."""
        self._end()

    def sink_reports(self) -> list[SinkReport]:
        """What became of the results so far, by sink."""
        return [sink.report() for sink in self._sinks]

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _count(self, result: FrameResult) -> None:
        self.health.count("frames_out")
        self.health.time("latency", result.latency / 1e3)
        self.health.time("track", result.timings.track / 1e3)
        if result.timings.detect:
            self.health.time("detect", result.timings.detect / 1e3)
        if result.timings.infer:
            self.health.time("preprocess", result.timings.preprocess / 1e3)
            self.health.time("infer", result.timings.infer / 1e3)

    def _count_faces(self, result: FrameResult) -> None:
        told = [event.verdict for event in self.news if event.event in (EventKind.VERDICT, EventKind.CHANGED)]
        for verdict in [face.verdict for face in result.tracks] if self.stills else told:
            if verdict:
                self.health.give(verdict)


def _stop(capture: Capture, sinks: Sequence[QueuedSink]) -> None:
    capture.stop()
    for sink in sinks:
        sink.take_last()


def _publish(events: list[Event], frame: Pixels | None, sinks: Sequence[QueuedSink]) -> list[Event]:
    """Queue ``events`` for the sinks that want such, each with a picture of the face where that is in ``frame``; themselves."""
    for event in events:
        box = None if event.event is EventKind.GONE else event.track.seen.box
        pictures: dict[PictureKind, Picture] = {}
        for sink in sinks:
            if sink.every != "event":
                continue
            kind = sink.picture
            if kind and kind not in pictures and frame is not None and box is not None:
                pictures[kind] = picture_of(frame, box, kind)
            sink.send_event(replace(event, picture=pictures.get(kind)) if kind else event)
    return events


def _end(process: int, capture: Capture, judge: Judge | PictureJudge, events: Events, sinks: Sequence[QueuedSink]) -> None:
    if os.getpid() == process:  # in a fork there are none of the threads, and the sinks are the parent's
        capture.close()
        judge.close()
        _publish(events.end(), None, sinks)
        close_all(sinks)

"""``edgefake watch --config``: the cameras of a configuration, until a signal ends them."""

from __future__ import annotations

import json
import queue
import signal
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from edgefake.cli.signals import stopped_by_signals
from edgefake.cli.terminal import LiveLine, complain
from edgefake.cli.unattended import configuring
from edgefake.config import read_config
from edgefake.errors import EdgefakeError
from edgefake.service.notify import Notifier
from edgefake.station import Camera, State, Station
from edgefake.station.claim import Claim
from edgefake.streaming.events import Event, EventKind
from edgefake.streaming.health_server import alive
from edgefake.streaming.result import FrameResult
from edgefake.text import p_text

UNREAD = 1000
"""So many lines may wait for a terminal or pipe that takes none; more are dropped and counted."""

_STOP, _RELOAD = object(), object()


def run_config(path: Path, *, as_json: bool) -> int:
    """Watch what the configuration at ``path`` says; the exit code."""
    notifier = Notifier()
    with configuring(notifier):
        config = read_config(path)
    todo: queue.SimpleQueue[object] = queue.SimpleQueue()
    printed = _Printed(todo, as_json=as_json)
    with ExitStack() as stack:
        line = stack.enter_context(LiveLine(every_s=0.5))
        stack.enter_context(_reloads(todo))  # before `edgefake reload` finds this process, which its signal would end
        claim = stack.enter_context(Claim(path))
        station = Station(config, listener=printed.add)
        stack.callback(station.close)
        signals = stack.enter_context(stopped_by_signals(lambda: todo.put(_STOP), (signal.SIGINT, signal.SIGTERM)))
        if config.health is not None:
            from edgefake.streaming.health_server import HealthServer

            server = HealthServer(station.health, address=config.health.address, port=config.health.port)
            stack.callback(server.close)
            line.print(f"edgefake: health at {server.url}/healthz, /readyz and /metrics", to_stderr=True)
        station.start()
        names = ", ".join(camera.name for camera in config.cameras)
        line.print(f"edgefake: watching {names}; SIGHUP or `edgefake reload` reads {path} again", to_stderr=True)
        notifier.ready(f"watching {names}")
        while not station.ended:
            if notifier.is_due and alive(station.health)[0] is HTTPStatus.OK:
                notifier.alive()
                notifier.status(_status(station))
            try:
                what = todo.get(timeout=0.5)
            except queue.Empty:
                if line.is_due:
                    line.show(_status(station))
                continue
            if what is _STOP:
                notifier.stopping()
                station.stop()
            elif what is _RELOAD:
                if not signals:  # what is ending starts no camera
                    _reload(station, claim, path)
            else:
                line.print(str(what))
        cameras = list(station.cameras.values())
        station.close()
        while not todo.empty():  # who was there at the end and is gone
            if isinstance(what := todo.get(), str):
                line.print(what)
        for text in printed.summary(cameras):
            line.print(text, to_stderr=as_json)
    return 0 if signals or not any(camera.error for camera in cameras) else 2


def _reload(station: Station, claim: Claim, path: Path) -> None:
    """Take the configuration as it is now, or say why not and go on with the one before."""
    state = replace(claim.state, reloads=claim.state.reloads + 1)
    try:
        changes = tuple(station.apply(read_config(path)))
    except Exception as error:  # whatever is wrong with a file, it ends no camera
        told = str(error) if isinstance(error, EdgefakeError) else f"{type(error).__name__}: {error}"
        claim.write(replace(state, changes=(), error=told))
        complain(f"warning: {path} is not taken, and what ran before goes on: {told}")
        return
    claim.write(replace(state, changes=changes, error=None))
    complain(f"{path} was read again: {', '.join(changes) or 'nothing has changed'}")


@contextmanager
def _reloads(todo: queue.SimpleQueue[object]) -> Iterator[None]:
    """SIGHUP has the configuration read again."""
    before = signal.signal(signal.SIGHUP, lambda number, frame: todo.put(_RELOAD))
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


class _Printed:
    """Lines about events, from the cameras' threads to the one that prints: none of them waits for a terminal."""

    def __init__(self, todo: queue.SimpleQueue[object], *, as_json: bool) -> None:
        self._todo = todo
        self._as_json = as_json
        self.dropped = 0

    def add(self, camera: str, result: FrameResult | None, events: list[Event]) -> None:
        for event in events:
            if self._todo.qsize() >= UNREAD:
                self.dropped += 1
            elif self._as_json:
                self._todo.put(json.dumps(event.to_dict()))
            else:
                self._todo.put(_words(event))

    def summary(self, cameras: Iterable[Camera]) -> list[str]:
        lines = [_summary(camera) for camera in cameras]
        return [*lines, f"{self.dropped} lines were not printed: nobody took them"] if self.dropped else lines


def _words(event: Event) -> str:
    face = f"{event.camera}  face {event.track.seen.id}"
    if event.event in (EventKind.APPEARED, EventKind.GONE):
        return f"{face}: {event.event.value}"
    assert event.verdict is not None
    before = f" (was {event.previous.value})" if event.previous else ""
    return f"{face}: {event.verdict.value}{before}, p_fake {p_text(event.track.seen.p_fake)}"


def _status(station: Station) -> str:
    """How the cameras are doing, in one line."""
    parts = []
    for name, camera in station.cameras.items():
        running = camera.state is State.RUNNING
        parts.append(f"{name} {camera.health.fps_out():.1f} fps" if running else f"{name} {camera.state.value}")
    return "  ".join(parts)


def _summary(camera: Camera) -> str:
    report = camera.health.report()
    counts = f"{report.frames_out} frames judged, {report.dropped} dropped, {report.reconnects} reconnects"
    lost = ", ".join(f"{name} lost {count}" for name, count in report.lost.items())
    return "; ".join(part for part in (f"{camera.name}: {counts}", lost, camera.error) if part)

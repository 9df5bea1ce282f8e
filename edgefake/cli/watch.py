"""``edgefake watch``: verdicts on a camera, stream or file while it runs."""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import get_args

from edgefake.cli.options import add_detector_options, exit_code, open_detector
from edgefake.cli.signals import stopped_by_signals
from edgefake.cli.sources import source_lines
from edgefake.cli.station import run_config
from edgefake.cli.terminal import LiveLine
from edgefake.errors import InputError
from edgefake.prediction import Status
from edgefake.sinks import SINKS
from edgefake.sinks.base import Every
from edgefake.streaming.events import Event
from edgefake.streaming.health import HealthReport
from edgefake.streaming.pipeline import Watch, watch
from edgefake.streaming.result import FrameResult
from edgefake.streaming.video import VideoTally, VideoVerdict
from edgefake.tables import text_row
from edgefake.text import p_text
from edgefake.thresholds import Verdict

_EPILOG = """\
sources:
{sources}

A face gets its first verdict once three searches have found it and it has been scored for half a second, at any frame rate. At
the end of a file, its p_fake as a whole is printed, the same that `edgefake video` gives.

With --config, SIGHUP or `edgefake reload` has the configuration read again; the exit code is 0 after a signal.

Ctrl-C, SIGTERM or SIGHUP stop the stream after the current frame and deliver what the sinks still hold; a second one stops it at
once.

exit codes:
  0  nothing was called fake or unsure, or a live source was ended by a signal
  1  a face of a live source, a picture of a folder, or a file by its figure was called fake
  2  something went wrong: the source is not there or nothing in it can be read, a sink could deliver nothing, an unknown model,
     a wrong argument
  3  nothing was called fake; a face of a live source was last called unsure, or a picture of a folder, or a file by its figure
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "watch",
        help="judge a camera or stream",
        description="Judge the faces in a camera, stream or file while it runs.",
        epilog=_EPILOG.replace("{sources}", source_lines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", nargs="?", help="what to watch, see below")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="watch the cameras of a configuration instead (`edgefake config init`)"
    )
    add_detector_options(parser)
    parser.add_argument("--size", type=_size, metavar="WxH", help="frame size to ask of a camera, such as 1280x720")
    parser.add_argument("--fps", type=float, help="frames per second to ask of a camera, or of a folder that is a film")
    ending = parser.add_mutually_exclusive_group()
    ending.add_argument("--not-live", action="store_true", help="the URL leads to a video file: skip no frame, stop at its end")
    ending.add_argument("--follow", action="store_true", help="after the last picture of a folder, wait for new ones")
    parser.add_argument(
        "--no-wait",
        action="store_true",
        help="stop with an error when a live source does not answer at the start (default: try again, at least twice a minute)",
    )
    parser.add_argument(
        "--detect-every",
        type=int,
        metavar="N",
        help="search faces in every N-th frame, at least twice a second (default: as the finder says, 1 for edge, 5 for others)",
    )
    parser.add_argument(
        "--faces-per-frame",
        type=int,
        default=4,
        metavar="N",
        help="score at most N faces per frame, in turn (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print lines of JSON instead of new verdicts in words")
    parser.add_argument(
        "--every",
        choices=get_args(Every),
        default="event",
        help="what --json and the sinks get: each event (a face appeared, its verdict, another verdict, it is gone), or the "
        "result of each frame; of a folder of pictures always each picture (default: %(default)s)",
    )
    sinks = parser.add_argument_group(
        "sinks", "Sinks never slow the stream: results that one cannot take in time are dropped and counted."
    )
    for name, kind in SINKS.items():
        if kind.metavar is None:
            sinks.add_argument(f"--{name}", dest=name, action="store_true", help=kind.help)
        else:
            sinks.add_argument(f"--{name}", dest=name, metavar=kind.metavar, help=kind.help)
    sinks.add_argument(
        "--home-assistant", action="store_true", help="with --mqtt: the camera becomes a device of Home Assistant, by itself"
    )
    sinks.add_argument(
        "--metrics",
        type=int,
        metavar="PORT",
        help="serve /metrics for Prometheus, /healthz and /readyz on this machine; 0 takes a free port",
    )
    parser.set_defaults(action=partial(_run, parser))


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT, such as 1280x720, got {text!r}")
    return int(match[1]), int(match[2])


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if arguments.config is not None:
        _check_alone(parser, arguments)
        return run_config(arguments.config, as_json=arguments.json)
    if arguments.source is None:
        raise InputError("expected a SOURCE to watch, or --config FILE, got neither: `edgefake watch --help` lists sources")
    return _watch(arguments)


def _check_alone(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Raise ``InputError`` for what is given beside ``--config`` and would have no effect."""
    options = {action.dest: (action.option_strings or ["SOURCE"])[0] for action in parser._actions}
    given = [
        option
        for name, option in options.items()
        if name not in ("config", "json", "help") and getattr(arguments, name) != parser.get_default(name)
    ]
    if given:
        raise InputError(f"expected --config alone or with --json, got {', '.join(given)} too: put that into the configuration")


def _watch(arguments: argparse.Namespace) -> int:
    options = {name: getattr(arguments, name) for name in SINKS}
    if arguments.home_assistant and not arguments.mqtt:
        raise InputError("expected --mqtt URL with --home-assistant, got none: give the broker that Home Assistant has")
    shared = {"every": arguments.every, "home_assistant": arguments.home_assistant}
    sinks = [SINKS[name].make(text, **shared) for name, text in options.items() if text]
    with ExitStack() as stack:
        line = stack.enter_context(LiveLine(every_s=0.5))
        detector = stack.enter_context(open_detector(arguments))
        detector.warm_up()
        running = stack.enter_context(
            watch(
                arguments.source,
                detector,
                sinks=sinks,
                size=arguments.size,
                fps=arguments.fps,
                live=False if arguments.not_live else True if arguments.follow else None,
                wait=not arguments.no_wait,
                detect_every=arguments.detect_every,
                faces_per_frame=arguments.faces_per_frame,
            )
        )
        if arguments.metrics is not None:
            from edgefake.streaming.health_server import HealthServer

            cameras = {running.source: running.health}
            server = stack.enter_context(HealthServer(lambda: cameras, port=arguments.metrics))
            line.print(f"health at {server.url}/metrics", to_stderr=True)
        signals = stack.enter_context(stopped_by_signals(running.stop))
        seen = _Pictures() if running.stills else _Faces()
        endless = running.live or running.stills  # what is live may run for years
        tally = None if endless else VideoTally(detector.thresholds, detector.prior)
        frames = running.stills or arguments.every == "frame"
        for _, result in running:
            changes = seen.add(result)
            if tally:
                tally.add(result)
            news = _lines([result] if frames else running.news) if arguments.json else changes
            for text in news:
                line.print(text)
            if line.is_due:
                line.show(_status(result, running.health.report()))
        if arguments.json and not frames:
            for text in _lines(running.news):
                line.print(text)
        whole = tally.verdict(running.coverage) if tally else None
        line.print(_summary(running, seen, whole), to_stderr=arguments.json)
    if any(sink.lost and not sink.delivered for sink in running.sink_reports()):
        return 2
    if whole:  # a face may be called fake on the way in a file that is real in all
        return exit_code(Counter([whole.verdict.value] if whole.verdict else []))
    return 0 if running.live and signals else exit_code(seen.counts)


def _lines(what: Sequence[FrameResult | Event]) -> list[str]:
    return [json.dumps(one.to_dict()) for one in what]


class _Pictures:
    """How many pictures were judged, and how."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, result: FrameResult) -> list[str]:
        """Take in one picture; its verdict, or why it has none, for people."""
        status = (
            max(result.tracks, key=lambda track: track.box.width * track.box.height).status if result.tracks else Status.NO_FACE
        )
        word = (result.verdict or status).value.replace("_", " ")
        self.counts[word] += 1
        return [text_row((word, p_text(result.p_fake), result.source), ("<16", ">6", ""))]

    def __str__(self) -> str:
        return ", ".join(f"{count} {word}" for word, count in self.counts.most_common()) or "no picture came"


class _Faces:
    """How many faces were followed and called fake, with the verdicts of the newest."""

    def __init__(self) -> None:
        self.followed = 0
        self.fake = 0
        self._called: dict[int, tuple[Verdict, bool]] = {}  # id: the last verdict, and whether fake was among them

    @property
    def counts(self) -> Counter[str]:
        """How many were ever called fake, and how many are unsure."""
        unsure = sum(verdict is Verdict.UNSURE for verdict, _ in self._called.values())
        return Counter({Verdict.FAKE.value: self.fake, Verdict.UNSURE.value: unsure})

    def add(self, result: FrameResult) -> list[str]:
        """Take in one frame; its new and changed verdicts, for people."""
        news = []
        for track in result.tracks:
            self.followed = max(self.followed, track.id)
            last, was_fake = self._called.get(track.id, (None, False))
            if track.verdict is None or track.verdict is last:
                continue
            is_fake = track.verdict is Verdict.FAKE
            self.fake += is_fake and not was_fake
            self._called[track.id] = track.verdict, is_fake or was_fake
            if len(self._called) > 1000:  # a stream may run for years
                del self._called[min(self._called)]
            news.append(f"{_clock(result.seconds)}  face {track.id}: {track.verdict.value}, p_fake {p_text(track.p_fake)}")
        return news

    def __str__(self) -> str:
        unsure = self.counts[Verdict.UNSURE.value]
        faces = "1 face" if self.followed == 1 else f"{self.followed} faces"
        return f"{faces} followed, {self.fake} called fake" + (f", {unsure} unsure" if unsure else "")


def _status(result: FrameResult, report: HealthReport) -> str:
    """How the stream is doing, in one line."""
    latency = report.stages["latency"].recent_ms
    parts = [
        f"{_clock(result.seconds)}  {report.fps_in:.1f} fps in, {report.fps_out:.1f} judged",
        f"latency {latency.median:.0f} ms (95 %: {latency.p95:.0f})",
        f"dropped {report.dropped}",
    ]
    if report.reconnects:
        parts.append(f"reconnects {report.reconnects}")
    if report.lost:
        parts.append("lost " + ", ".join(f"{name} {count}" for name, count in report.lost.items()))
    if report.temperature_c is not None:
        parts.append(f"{report.temperature_c:.0f} °C")
    faces = [
        f"#{track.id} {track.verdict.value if track.verdict else '…'} {'…' if track.p_fake is None else f'{track.p_fake:.2f}'}"
        for track in result.tracks
    ]
    return "  ".join([*parts, *faces]) if faces else "  ".join([*parts, "no face"])


def _summary(running: Watch, seen: _Faces | _Pictures, whole: VideoVerdict | None) -> str:
    report = running.health.report()
    what = ("picture" if running.stills else "frame") + "s" * (report.frames_out != 1)
    lines = [
        f"{report.frames_out} {what} judged in {report.uptime_s:.1f} s, "
        f"{report.dropped} dropped, {report.reconnects} reconnects; "
        f"{seen}"
    ]
    if whole:
        lines.append(str(whole))
    lines += [f"{sink.name}: {sink.delivered} delivered, {sink.lost} lost" for sink in running.sink_reports()]
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    return f"{int(seconds // 3600)}:{int(seconds // 60) % 60:02d}:{seconds % 60:04.1f}"

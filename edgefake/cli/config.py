"""``edgefake config``: write and check the file of `edgefake watch --config`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from edgefake.cli.terminal import LiveLine
from edgefake.config import CameraConfig, Config, DetectorConfig, read_config
from edgefake.config.proposal import proposal
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.files import write_atomically
from edgefake.sinks.base import Sink
from edgefake.streaming.sources import find_source, is_path
from edgefake.text import p_text, printable

_EPILOG = """\
exit codes:
  0  the file is right, or was written
  2  it is wrong: the first thing that is, in one sentence
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "config",
        help="write and check the file of watch --config",
        description="Write and check the configuration of `edgefake watch --config`.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="say what the file would do, or what is wrong with it")
    check.set_defaults(action=_check)
    init = actions.add_parser("init", help="write one with the cameras, cores and runtimes of this machine, and comments")
    init.add_argument("--force", action="store_true", help="replace a file that is there")
    init.set_defaults(action=_init)
    for command in (check, init):
        command.add_argument("config", nargs="?", type=Path, default=Path("edgefake.toml"), help="default: %(default)s")


def _init(arguments: argparse.Namespace) -> int:
    path: Path = arguments.config
    if os.path.lexists(path) and not arguments.force:
        raise InputError(f"{printable(path)} is there already: give another name, or --force to replace it")
    write_atomically(path, proposal().encode(), mode=0o600)
    print(f"{printable(path)} is written: look it through, then `edgefake config check {printable(path)}`")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    config = read_config(arguments.config)
    with LiveLine(every_s=0.0) as line, ExitStack() as stack:
        sources = {camera.name: _source(camera) for camera in config.cameras}
        detectors: dict[DetectorConfig, Detector] = {}
        for camera in config.cameras:
            if camera.detector not in detectors:
                detectors[camera.detector] = stack.enter_context(_opened(camera, config))
        for text in [*_told(config, detectors, sources)]:
            line.print(text)
    return 0


def _source(camera: CameraConfig) -> str:
    """What would be watched, without secrets; does not ask whether it is there."""
    if is_path(camera.source) and not os.path.exists(camera.source):
        return f"{printable(camera.source)}, which is not there yet"
    found = find_source(camera.source, size=camera.size, fps=camera.fps, live=camera.live)
    return f"{found.name}, {'live' if found.live or camera.live else 'to its end'}"


def _opened(camera: CameraConfig, config: Config) -> Detector:
    try:
        return camera.detector.open()
    except EdgefakeError as error:
        raise InputError(f"{config.path}: [cameras.{camera.name}]: {error}") from error


def _told(config: Config, detectors: dict[DetectorConfig, Detector], sources: dict[str, str]) -> Iterator[str]:
    """What would be done, for people."""
    yield f"{config.path}: cameras {len(config.cameras)}, detectors {len(detectors)} (those that are alike are shared)"
    for detector_config, detector in detectors.items():
        users = ", ".join(camera.name for camera in config.cameras if camera.detector == detector_config)
        thresholds = detector.thresholds
        below = f", real below {p_text(thresholds.real)}" if thresholds.real < thresholds.fake else ""
        yield (
            f"detector of {users}: {detector.scorer.name} on {detector.runtime}, faces by {detector_config.faces}, "
            f"fake from p_fake {p_text(thresholds.fake)}{below}"
        )
    for camera in config.cameras:
        yield f"{camera.name}: watches {sources[camera.name]}"
        for sink in camera.sinks:
            yield f"  {sink.name} ({sink.kind}): {_gets(sink.make(camera.name))}"
        if not camera.sinks:
            yield "  no sink: events are printed only"
    health = config.health
    yield f"health: http://{health.address}:{health.port}" if health else "health: not served ([health] is not there)"


def _gets(sink: Sink) -> str:
    if sink.every == "frame":
        return "every frame"
    return f"events{f', each with a {sink.picture}' if sink.picture else ''}"

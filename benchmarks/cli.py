"""``python -m benchmarks overhead | footprint | streaming | idle | finding | peers | serve | figures | soak | scan``."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.finding import measure_finding
from benchmarks.footprint import measure_footprint
from benchmarks.idle import measure_idle
from benchmarks.overhead import measure_overhead
from benchmarks.peers.measure import measure_peers
from benchmarks.scanning.measure import measure_scanning
from benchmarks.serving.measure import measure_serving
from benchmarks.soak import measure_soak
from benchmarks.streaming import measure_streaming
from edgefake.cli.parser import Parser
from edgefake.cli.run import run_command
from edgefake.defaults import DEFAULT_MODEL
from edgefake.schema import SCHEMA


def main(argv: Sequence[str] | None = None) -> int:
    """Run a benchmark and print it, see ``edgefake.cli.run``; 0 all goals met, 1 one missed, 2 it could not be measured."""
    return run_command(parser(), argv)


def _run(options: argparse.Namespace) -> int:
    result = options.measure(options)
    if options.json:
        goals = [{**dataclasses.asdict(goal), "met": goal.met} for goal in result.goals]
        print(json.dumps({"schema": SCHEMA, **dataclasses.asdict(result), "goals": goals}))
    else:
        print(result, *result.goals, sep="\n")
    return 0 if all(goal.met for goal in result.goals) else 1


def _figures(options: argparse.Namespace) -> int:
    from benchmarks.figures.pages import ROOT, stale
    from edgefake.files import write_atomically

    changed = stale()
    for path, text in changed.items():
        if options.write:
            write_atomically(path, text.encode())
        print(f"{path.relative_to(ROOT)} {'written' if options.write else 'differs from the cards and files of results'}")
    return 0 if options.write or not changed else 1


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = Parser(
        prog="python -m benchmarks",
        description="Measure edgefake on this machine.",
        epilog="exit codes: 0 all goals met, 1 a goal missed, 2 not measured",
    )
    parser.set_defaults(action=_run)
    commands = parser.add_subparsers(required=True, metavar="BENCHMARK")
    overhead = commands.add_parser("overhead", help="Detector.predict and its layers against the bare interpreter")
    overhead.set_defaults(measure=lambda options: measure_overhead(options.model))
    footprint = commands.add_parser("footprint", help="import time and peak memory")
    footprint.set_defaults(measure=lambda options: measure_footprint(options.model))
    streaming = commands.add_parser("streaming", help="edgefake.watch on videos that are played like a camera")
    streaming.add_argument("videos", nargs="+", metavar="VIDEO", help="video files with one face, two, …")
    streaming.add_argument("--seconds", type=float, default=20.0, help="how long each is played, looped (default: %(default)g)")
    streaming.add_argument("--endurance", type=int, default=0, metavar="FRAMES", help="watch memory over so many frames as well")
    streaming.set_defaults(measure=lambda o: measure_streaming(o.model, o.videos, seconds=o.seconds, endurance=o.endurance))
    idle = commands.add_parser("idle", help="processor time of cameras before which nobody is, decoding included")
    idle.add_argument("--cameras", type=int, default=4, metavar="N", help="how many (default: %(default)s)")
    idle.add_argument("--fps", type=float, default=5.0, help="of each (default: %(default)g)")
    idle.add_argument("--seconds", type=float, default=30.0, help="how long it is measured, twice (default: %(default)g)")
    idle.set_defaults(measure=lambda o: measure_idle(o.model, cameras=o.cameras, fps=o.fps, seconds=o.seconds))
    finding = commands.add_parser("finding", help="finding faces by our own finder, Haar and YuNet, alone and in the whole job")
    finding.add_argument("picture", nargs="?", type=Path, help="with faces that all find (default: a drawn one, 1280×720)")
    finding.add_argument("--finder", metavar="FILE", help="our own finder's .tflite (default: the bundled one)")
    finding.add_argument("--yunet", type=Path, metavar="FILE", help="YuNet's .onnx: measured too")
    finding.add_argument("--threads", type=int, default=2, help="of the networks (default: %(default)s)")
    finding.add_argument("--rounds", type=int, default=100, help="turns that each takes (default: %(default)s)")
    finding.add_argument("--json", action="store_true", help="print one JSON object")
    finding.set_defaults(
        measure=lambda o: measure_finding(o.picture, finder=o.finder, yunet=o.yunet, threads=o.threads, rounds=o.rounds)
    )
    peers = commands.add_parser("peers", help="the same network in LiteRT, Keras, onnxruntime and OpenVINO, and a first script")
    peers.add_argument("recipe", nargs="?", default="resnet18", help="python -m training zoo lists them (default: %(default)s)")
    peers.add_argument("--size", type=int, help="input size in pixels (default: the recipe's)")
    peers.add_argument("--rounds", type=int, default=50, help="turns that each takes (default: %(default)s)")
    peers.add_argument("--threads", type=int, help="of every runtime (default: one per core, at most 4)")
    peers.add_argument("--json", action="store_true", help="print one JSON object")
    peers.set_defaults(measure=lambda o: measure_peers(o.recipe, size=o.size, rounds=o.rounds, threads=o.threads))
    serve = commands.add_parser("serve", help="edgefake serve under load, against the bare loop and a plain FastAPI handler")
    serve.add_argument("--rounds", type=int, default=5, help="turns that each takes (default: %(default)s)")
    serve.add_argument("--seconds", type=float, default=10.0, help="how long a turn is (default: %(default)g)")
    serve.set_defaults(measure=lambda o: measure_serving(o.model, rounds=o.rounds, seconds=o.seconds))
    figures = commands.add_parser(
        "figures",
        help="whether all figures of the documentation are those of the cards and files of results; --write makes them so",
    )
    figures.add_argument("--write", action="store_true", help="write the pages that differ")
    figures.set_defaults(action=_figures)
    soak = commands.add_parser("soak", help="several cameras without end: memory, files, threads, and events lost")
    soak.add_argument("videos", nargs="+", metavar="VIDEO", help="video files with faces, which the cameras play")
    soak.add_argument("--cameras", type=int, default=4, help="how many (default: %(default)s)")
    soak.add_argument("--frames", type=int, default=300_000, help="of all cameras together (default: %(default)s)")
    soak.set_defaults(measure=lambda o: measure_soak(o.model, o.videos, cameras=o.cameras, frames=o.frames))
    scan = commands.add_parser("scan", help="edgefake scan against bare loops, after kills, and its memory")
    scan.add_argument("--pictures", type=int, default=480, help="in every turn (default: %(default)s)")
    scan.add_argument("--rounds", type=int, default=9, help="turns that each takes (default: %(default)s)")
    scan.add_argument("--ray-files", type=int, default=0, metavar="N", help="run Ray over so many small pictures as well")
    scan.add_argument("--kill-files", type=int, default=0, metavar="N", help="kill a scan of so many small pictures as well")
    scan.add_argument("--kills", type=int, default=10, help="how often (default: %(default)s)")
    scan.add_argument("--memory-files", type=int, default=0, metavar="N", help="watch memory over so many small pictures as well")
    scan.add_argument("--scratch", type=Path, metavar="DIR", help="where the pictures are put (default: the system's)")
    scan.set_defaults(
        measure=lambda o: measure_scanning(
            o.model,
            pictures=o.pictures,
            rounds=o.rounds,
            ray_files=o.ray_files,
            kill_files=o.kill_files,
            kills=o.kills,
            memory_files=o.memory_files,
            scratch=o.scratch,
        )
    )
    for command in (overhead, footprint, streaming, idle, serve, soak, scan):
        command.add_argument("--model", default=DEFAULT_MODEL, help="name or .tflite file (default: %(default)s)")
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser

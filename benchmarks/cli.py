"""``python -m benchmarks overhead | footprint``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence

from benchmarks.footprint import Footprint, measure_footprint
from benchmarks.overhead import Overhead, measure_overhead
from edgefake.errors import EdgefakeError

_COMMANDS: dict[str, tuple[Callable[[str], Overhead | Footprint], str]] = {
    "overhead": (measure_overhead, "Detector.predict against the bare interpreter"),
    "footprint": (measure_footprint, "import time and peak memory"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a benchmark and print it; 0 all goals met, 1 one missed, 2 it could not be measured."""
    options = _parser().parse_args(argv)
    try:
        result = options.measure(options.model)
    except EdgefakeError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    if options.json:
        goals = [{**dataclasses.asdict(goal), "met": goal.met} for goal in result.goals]
        print(json.dumps({**dataclasses.asdict(result), "goals": goals}))
    else:
        print(result, *result.goals, sep="\n")
    return 0 if all(goal.met for goal in result.goals) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure edgefake on this machine.",
        epilog="exit codes: 0 all goals met, 1 a goal missed, 2 not measured",
    )
    commands = parser.add_subparsers(required=True, metavar="BENCHMARK")
    for name, (measure, what) in _COMMANDS.items():
        command = commands.add_parser(name, help=what)
        command.add_argument("--model", default="resnet18_int8", help="name or .tflite file (default: %(default)s)")
        command.add_argument("--json", action="store_true", help="print one JSON object")
        command.set_defaults(measure=measure)
    return parser

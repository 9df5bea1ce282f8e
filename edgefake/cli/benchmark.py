"""``edgefake benchmark``: how fast, how accurate and how costly models are on this device."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from edgefake.cli.options import add_runtime_option, parse_threshold, tell_deprecated
from edgefake.cli.terminal import LiveLine
from edgefake.defaults import DEFAULT_FACES, DEFAULT_MODEL
from edgefake.errors import InputError
from edgefake.faces.finders import FACES_HELP
from edgefake.files import write_atomically
from edgefake.images import write_image

if TYPE_CHECKING:
    from edgefake.benchmark.report import Report

_MODEL_HELP = """a name that `edgefake models` lists, a file, or MODULE:FUNCTION, a function that is called with num_threads= and
gives a Scorer"""

_EPILOG = """\
Every case is measured in several fresh processes, in turn. For figures that hold, stop other programs, set the clock governor to
performance, and keep the device awake.

exit codes:
  0    measured; with --compare: nothing got slower by more than the tolerance
  1    with --compare: something did
  2    a case failed (a missing runtime is only skipped), nothing was measured, a wrong argument
  130  interrupted by Ctrl-C; what was measured until then is printed and written all the same, and marked
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "benchmark",
        help="measure models on this device",
        description="Measure latency, accuracy and cost of models on this device, or compare two such measurements.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help=_MODEL_HELP)
    matrix = parser.add_argument_group("cases", "Every combination is measured; lists are separated by commas.")
    add_runtime_option(matrix, type=_names, default="auto", metavar="LIST", help="such as tflite,onnx (default: auto)")
    matrix.add_argument(
        "--device", type=_names, metavar="LIST", help="such as cpu,cuda:1, as the runtime calls them (default: its first)"
    )
    matrix.add_argument(
        "--threads", type=_numbers, metavar="LIST", help="no more than cores (default: 1 and one per core, at most 4)"
    )
    matrix.add_argument("--batch", type=_numbers, default="1", metavar="LIST", help="faces per call (default: 1)")
    matrix.add_argument(
        "--streams",
        type=_numbers,
        default="1",
        metavar="LIST",
        help="detectors that run at once, each with threads of its own, as for several cameras (default: 1)",
    )
    measure = parser.add_argument_group("measurement")
    measure.add_argument("--runs", type=int, default=100, help="least runs per case, of every stream (default: %(default)s)")
    measure.add_argument("--seconds", type=float, default=3.0, help="least time per case (default: %(default)s)")
    measure.add_argument("--processes", type=int, default=5, help="fresh processes per case (default: %(default)s)")
    measure.add_argument("--faces", default=DEFAULT_FACES, help=f"how faces are found: {FACES_HELP} (default: %(default)s)")
    measure.add_argument("--threshold", type=parse_threshold, help="as for predict (default: each model's own)")
    measure.add_argument("--picture", metavar="FILE", type=Path, help="what is judged, file to verdict (default: a drawn one)")
    measure.add_argument("--data", metavar="DIR", type=Path, help="a folder with real/ and fake/: measure accuracy on it as well")
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print one JSON object, every run in it, instead of tables")
    output.add_argument("--out", metavar="DIR", type=Path, help="write report.json, report.md and plots into DIR")
    output.add_argument(
        "--compare", nargs=2, metavar=("A.json", "B.json"), type=Path, help="measure nothing: compare two reports"
    )
    output.add_argument(
        "--tolerance", type=float, default=0.05, help="how much slower B may be before the exit code is 1 (default: %(default)s)"
    )
    parser.set_defaults(action=_run)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers separated by commas, such as 1,2,4, got {text!r}") from None


def _run(arguments: argparse.Namespace) -> int:
    if arguments.compare:
        return _compare(arguments)
    if not arguments.models:
        raise InputError(f"expected at least one model to measure, such as {DEFAULT_MODEL}, or --compare, got neither")
    # Imported when asked for, to keep the start of the other commands fast.
    from edgefake.benchmark.matrix import run
    from edgefake.benchmark.plan import Settings, make_plan
    from edgefake.runtimes import todays_name
    from edgefake.system import check_threads, default_threads

    asked = itertools.product(arguments.runtime, arguments.device or (None,))
    places = [todays_name(*place, tell=tell_deprecated) for place in asked]
    threads = arguments.threads or (1, default_threads())
    check_threads(max(threads))
    plan = make_plan(arguments.models, places=places, threads=threads, batches=arguments.batch, streams=arguments.streams)
    settings = Settings(
        runs=arguments.runs,
        seconds=arguments.seconds,
        processes=arguments.processes,
        faces=arguments.faces,
        threshold=arguments.threshold,
        picture=arguments.picture,
        data=arguments.data,
    )
    if arguments.out:
        _make_folder(arguments.out)  # told before the first case, not after the last
    with LiveLine(every_s=0.0) as line:
        report = run(plan, settings, progress=lambda text: line.show(text) if line.is_due else None)
    print(report.to_json() if arguments.json else report.to_markdown())
    if arguments.out:
        _write(arguments.out, report)
    if report.interrupted:
        return 130
    return 2 if report.failed or not report.rows else 0


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made ({error.strerror}): give --out one that can") from error


def _write(folder: Path, report: Report) -> None:
    from edgefake.benchmark.plots import plots

    try:
        write_atomically(folder / "report.json", report.to_json().encode())
        write_atomically(folder / "report.md", report.to_markdown().encode())
    except OSError as error:
        raise InputError(f"{folder} cannot be written to ({error.strerror}): give --out a folder that can") from error
    for name, picture in plots(report).items():
        write_image(folder / name, picture)


def _compare(arguments: argparse.Namespace) -> int:
    from edgefake.benchmark.compare import compare

    if arguments.models or arguments.out:
        raise InputError("--compare takes two reports and prints: leave out the models and --out")
    comparison = compare(*arguments.compare, tolerance=arguments.tolerance)
    print(comparison.to_json() if arguments.json else comparison.to_markdown())
    return 1 if comparison.regressions else 0

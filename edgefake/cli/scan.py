"""``edgefake scan``: verdicts on all files of an archive, and what was found in it."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edgefake.arguments import whole_number
from edgefake.cli.options import add_detector_options, add_pixel_limit, exit_code, tell_deprecated
from edgefake.cli.terminal import LiveLine, complain
from edgefake.errors import InputError
from edgefake.files import write_atomically
from edgefake.images import count_files
from edgefake.runtimes import todays_name
from edgefake.schema import SCHEMA, figure, seconds_or_ms
from edgefake.tables import text_table
from edgefake.text import p_text, printable

if TYPE_CHECKING:
    from edgefake.scan import Progress

SUMMARY = "summary"

T = TypeVar("T")

_EPILOG = """\
A SOURCE is a folder (with its subfolders), a quoted glob pattern, a picture or video, LIST.txt with a path on each line, a
TABLE.csv or .parquet with a column of paths, a SHARD.tar, or an address of any of these that fsspec knows (s3://, gs://,
https://). Results are written into DIR as Parquet files, a row for each file, with its faces (docs/archives.md). Whatever ends
the command, the same command goes on where it was, and picks up new files. Files with the same bytes are judged once. A file that
takes too long, needs too much memory or crashes a decoder gets a row that says so, like one that cannot be read. Needs
pip install 'edgefake[scan]'.

`edgefake scan summary DIR` tells what was found: --top N files with the highest p_fake, and with --html FILE their faces on one
page. A folder of that name is ./summary.

exit codes, by all rows in DIR:
  0  nothing is fake or unsure; files without a verdict count as such
  1  at least one file is fake
  2  something went wrong, whatever else was found: a file that could not be judged, results of other settings in DIR, an
     unknown model, a wrong argument
  3  no file is fake, at least one unsure
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "scan",
        help="judge archives",
        usage="edgefake scan SOURCE … --out DIR [options]\n       edgefake scan summary DIR [--top N] [--html FILE] [--json]",
        description="Judge all pictures and videos of an archive, in several processes; stop and go on at any time.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="what to judge; or summary DIR, what was found")
    parser.add_argument("--out", metavar="DIR", type=Path, help="the folder for the results")
    parser.add_argument("--retry-failed", action="store_true", help="judge files again that could not be judged before")
    add_detector_options(parser, threads=False)
    add_pixel_limit(parser)
    parser.add_argument("--clips", metavar="N", type=int, help="judge at most so many places of a video (default: 20)")
    parser.add_argument("--thumbnails", action="store_true", help="keep a small picture of every scored face")
    parser.add_argument(
        "--near-duplicates",
        action="store_true",
        help="let pictures that look alike share a result; a forged copy of a photo may look like it",
    )
    work = parser.add_argument_group("how it works")
    work.add_argument("--engine", choices=("local", "ray"), default="local", help="processes of this machine, or actors of Ray")
    work.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster, or auto (default: one is started here)")
    work.add_argument("--workers", metavar="N", type=int, help="processes that judge (default: one for each core)")
    work.add_argument(
        "--seconds", metavar="S", type=float, help="give up a file after so long, a video for each clip (default: 60)"
    )
    work.add_argument(
        "--memory", metavar="MB", type=int, help="give up a file that needs more (default: 2000, or less on a small machine)"
    )
    work.add_argument("--nice", metavar="N", type=int, help="how far others go first, 0…19 (default: 5)")
    work.add_argument("--part-files", metavar="N", type=int, help="rows of a part, which a crash costs at most (default: 1000)")
    told = parser.add_argument_group("what is told")
    told.add_argument("--top", metavar="N", type=int, help="of summary: how many files (default: 20)")
    told.add_argument("--html", metavar="FILE", type=Path, help="of summary: write a page with the top faces")
    told.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.sources[0] == SUMMARY:
        return _summary(arguments)
    if arguments.html or arguments.top:
        raise InputError("expected `edgefake scan summary DIR` with --top and --html, got sources to judge: scan them first")
    if arguments.out is None:
        raise InputError("expected --out DIR, the folder for the results, got none: give one")
    return _scan(arguments)


def _scan(arguments: argparse.Namespace) -> int:
    from edgefake.scan import Limits, Settings, scan
    from edgefake.scan.collect import PART_FILES
    from edgefake.scan.limits import NICE, SECONDS, share_of_memory
    from edgefake.scan.parts import Parts
    from edgefake.scan.settings import CLIPS
    from edgefake.scan.summary import outcomes_of
    from edgefake.system import available_cores

    runtime, device = todays_name(arguments.runtime, arguments.device, tell=tell_deprecated)
    settings = Settings(
        arguments.model,
        runtime,
        device,
        arguments.faces,
        arguments.find,
        arguments.threshold,
        arguments.prior,
        arguments.max_pixels,
        whole_number("--clips", _or(arguments.clips, CLIPS)),
        arguments.thumbnails,
        arguments.near_duplicates,
    )
    memory = _or(arguments.memory, share_of_memory(arguments.workers or available_cores()))
    limits = Limits(_or(arguments.seconds, SECONDS), memory, _or(arguments.nice, NICE))
    with LiveLine(every_s=0.2) as line:

        def show(progress: Progress) -> None:
            if line.is_due:
                line.show(_progress(progress))

        try:
            done = scan(
                arguments.sources,
                arguments.out,
                settings,
                engine=arguments.engine,
                address=arguments.address,
                workers=arguments.workers,
                limits=limits,
                retry_failed=arguments.retry_failed,
                part_files=_or(arguments.part_files, PART_FILES),
                progress=show,
            )
        except KeyboardInterrupt:
            complain("stopped: the same command goes on where it was")
            raise
    if done.skipped:
        complain(f"passed over {count_files(done.skipped)} not ending like pictures or videos")
    counts = outcomes_of(Parts(arguments.out))
    if not counts:
        raise InputError(f"expected pictures or videos, got none in {printable(', '.join(arguments.sources))}: check the sources")
    if done.waiting:
        complain(f"{done.waiting} files wait for the result of another that has none: run the same command again")
    rate = done.judged / done.seconds if done.seconds else 0.0
    if arguments.json:
        told = {"judged": done.judged, "shared": done.shared, "failed": done.failed, "there": done.there, "waiting": done.waiting}
        speed = {"seconds": seconds_or_ms(done.seconds), "per_second": figure(rate)}
        whole = {"files": counts.total(), "outcomes": dict(counts)}
        ids = {"out": str(arguments.out), "fingerprint": done.fingerprint.id, "model": done.fingerprint.model}
        print(json.dumps({"schema": SCHEMA, **ids, **told, **speed, **whole}))
    else:
        shared = f", {done.shared} by the result of a copy" if done.shared else ""
        there = f"; {done.there} were there" if done.there else ""
        print(f"{done.judged} files in {_clock(done.seconds)}, {rate:.1f} per second{shared}{there}")
        print(f"{counts.total()} in {printable(arguments.out)}: {_counts(counts)}")
    return 2 if done.waiting else exit_code(counts)


def _summary(arguments: argparse.Namespace) -> int:
    from edgefake.scan.summary import TOP, findings_of

    if len(arguments.sources) != 2 or arguments.out:
        got = "an --out" if arguments.out else f"{len(arguments.sources) - 1} folders"
        raise InputError(
            f"expected `edgefake scan summary DIR` with the --out of one scan, got {got}: a folder of that name is ./summary"
        )
    summary = findings_of(Path(arguments.sources[1]), top=whole_number("--top", _or(arguments.top, TOP)))
    if arguments.html:
        from edgefake.scan.gallery import gallery

        write_atomically(arguments.html, gallery(summary).encode(), mode=0o600)
    if arguments.json:
        print(json.dumps(summary.to_dict()))
        return exit_code(summary.outcomes)
    print(f"{summary.files} files, {summary.different} different; {summary.fingerprint.model}, {summary.fingerprint.id}")
    print(_counts(summary.outcomes))
    highest = max([1, *summary.histogram])
    for bar, count in enumerate(summary.histogram):
        if count:
            print(f"p_fake {bar / len(summary.histogram):.2f}…  {count:>9}  {'#' * max(1, round(40 * count / highest))}")
    if summary.worst:
        rows = [(row["verdict"] or row["status"], p_text(row["p_fake"]), row["path"]) for row in summary.worst]
        print("", *text_table([("verdict", "p_fake", "file"), *rows]), sep="\n")
    for row in summary.errors:
        print(f"error: {printable(row['error'], limit=None)}")
    return exit_code(summary.outcomes)


def _progress(progress: Progress) -> str:
    speed = f"{progress.per_second:.1f} per second"
    failed = f"  {progress.failed} failed" if progress.failed else ""
    if not progress.total:
        return f"{progress.done} files  {speed}{failed}"
    part = min(progress.done / progress.total, 1.0)
    left = "" if progress.left_s is None else f"  {_clock(progress.left_s)} left"
    return f"[{'#' * round(20 * part):<20}] {100 * part:3.0f} %  {progress.done}/{progress.total}  {speed}{left}{failed}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes}:{rest:02}"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in counts.most_common())


def _or(value: T | None, default: T) -> T:
    return default if value is None else value

"""``edgefake report``: what a verdict on a file is worth, as one page for people."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from edgefake.cli.options import add_detector_options, add_pixel_limit, exit_code, open_detector
from edgefake.cli.outputs import output_paths
from edgefake.cli.terminal import LiveLine, complain
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.files import write_atomically
from edgefake.images import IMAGE_SUFFIXES, VIDEO_SUFFIXES, PictureFile, count_files, find_in_folder
from edgefake.report import Report, is_video_file, picture_report, unreadable_report, video_report
from edgefake.report.extra import require_extra
from edgefake.report.page import Entry, index
from edgefake.report.pdf import find_browser, write_pdf
from edgefake.schema import SCHEMA
from edgefake.secrets import without_secrets
from edgefake.streaming.result import FrameResult
from edgefake.tables import text_row
from edgefake.text import p_text, portable_path, printable

PAGE = ".report.html"
INDEX = "index.html"

_EPILOG = """\
Each file gets one page, NAME.report.html, which holds all its pictures and asks nothing of any other place: the finding in plain
words and what it does not mean, every face with its score and how often the model errs on such faces as far as that was measured,
the file's SHA-256, metadata and Content Credentials (C2PA), and all that is needed to repeat it. Of several files there is an
index.html too. Pages show the faces that they judge, and nobody but you may read them. Needs pip install 'edgefake[report]'.

exit codes:
  0  nothing was called fake or unsure; files without a verdict count as such
  1  at least one file was called fake
  2  something went wrong, whatever else was found: a file that cannot be read (its page says so, and the others are still
     judged), an unknown model, a wrong argument
  3  no file was called fake, at least one unsure
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "report",
        help="report on pictures and videos, a page for each",
        description="Judge pictures and videos, and make of each a page for people, for print and for the file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        type=Path,
        help="a picture, a video, or a folder: all in it and its subfolders",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the folder for the pages")
    add_detector_options(parser)
    add_pixel_limit(parser)
    parser.add_argument("--pdf", action="store_true", help="print each page as NAME.report.pdf too, where Chromium is installed")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file and line instead of a table")
    parser.set_defaults(action=_run)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one file: a report and where its page is, or an error."""

    path: Path
    report: Report | None
    page: Path | None = None
    pdf: Path | None = None
    error: str | None = None

    @property
    def summary(self) -> str:
        """The verdict, or in its stead ``error`` or the status."""
        if self.report is None or self.error or self.report.error:
            return "error"
        return self.report.verdict.value if self.report.verdict else self.report.status.replace("_", " ")


def _run(arguments: argparse.Namespace) -> int:
    require_extra()
    if arguments.pdf:
        find_browser()
    files, failures = _inputs(arguments.files)
    pages = output_paths(files, arguments.out, PAGE, option="--out")
    counts: Counter[str] = Counter()
    entries = []
    with LiveLine(every_s=0.1) as line, open_detector(arguments) as detector:
        if not arguments.json:
            line.print(_row("verdict", "p_fake", "faces", "file"))
        outcomes = (_judge(arguments, detector, path, pages[path], line) for path in files)
        for outcome in chain(failures, outcomes):
            line.print(_json(outcome) if arguments.json else _table_row(outcome))
            counts[outcome.summary] += 1
            if outcome.report is not None and outcome.page is not None:
                link = quote(os.fsencode(outcome.page.relative_to(arguments.out)))
                entries.append(Entry.of(outcome.report, path=str(outcome.path), link=link))
    leads = arguments.out / INDEX if len(entries) > 1 else None
    if leads:
        _write(leads, index(entries))
    elif entries:
        (arguments.out / INDEX).unlink(missing_ok=True)  # of an earlier command, whose findings it tells
    if not arguments.json and counts.total() > 1:
        print(f"{counts.total()} files: " + ", ".join(f"{count} {summary}" for summary, count in counts.most_common()))
    if not arguments.json and entries:
        print(f"pages: {printable(leads or arguments.out)}")
    return exit_code(counts)


def _inputs(paths: Sequence[Path]) -> tuple[list[Path], list[_Outcome]]:
    """The files to judge, each once, and the folders that hold none; says what was passed over."""
    files: list[Path] = []
    failures = []
    skipped: Counter[str] = Counter()
    kinds = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    for path in paths:
        try:
            files += find_in_folder(path, kinds, "pictures or videos", skipped) if os.path.isdir(path) else [path]
        except InputError as error:
            failures.append(_Outcome(path, None, error=str(error)))
    if skipped:
        complain(f"passed over {count_files(skipped)} not ending like pictures or videos")
    return list(dict.fromkeys(files)), failures


def _judge(arguments: argparse.Namespace, detector: Detector, path: Path, page: Path, line: LiveLine) -> _Outcome:
    """Report on one file, and write its page; where that fails, no page is there, nor one of an earlier run."""

    def seen(result: FrameResult) -> None:
        if line.is_due:
            line.show(f"{path}: frame {result.index + 1}")

    if line.is_due:
        line.show(str(path))
    options = {"name": path.name, "command": arguments.command_line}
    report = pdf = None
    try:
        _remove(page, page.with_suffix(".pdf"))
        try:
            if is_video_file(path):
                report = video_report(path, detector, seen=seen, **options)
            else:
                report = picture_report(PictureFile.open(path, max_pixels=arguments.max_pixels), detector, **options)
        except InputError as error:
            report = unreadable_report(path, error, detector, **options)
        html = report.html
        _write(page, html)
        if arguments.pdf:
            pdf = page.with_suffix(".pdf")
            write_pdf(html, pdf)
    except EdgefakeError as error:
        there = page if page.is_file() else None
        return _Outcome(path, report if there else None, there, error=str(error))
    except MemoryError:
        return _Outcome(path, None, error=f"{printable(path)} needs more memory than there is: scale it down")
    return _Outcome(path, report, page, pdf)


def _write(path: Path, html: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, html.encode(), mode=0o600)
    except OSError as error:
        raise InputError(f"{printable(path)} cannot be written ({error.strerror}): give --out a folder that can") from error


def _remove(*paths: Path) -> None:
    try:
        for path in paths:
            with suppress(ValueError):  # a NUL in the name, which no page has
                path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{printable(error.filename)} cannot be replaced ({error.strerror}): give another --out") from error


def _json(outcome: _Outcome) -> str:
    places = {name: place and portable_path(place) for name, place in (("page", outcome.page), ("pdf", outcome.pdf))}
    which = {"path": _shown(outcome.path), **places}
    if outcome.report is None:
        empty = {"schema": SCHEMA, "status": "error", "verdict": None, "p_fake": None}
        return json.dumps({**which, **empty, "error": outcome.error})
    report = outcome.report.to_dict()
    return json.dumps({**which, **report, "error": report["error"] or outcome.error})


def _table_row(outcome: _Outcome) -> str:
    report, error = outcome.report, outcome.error
    if report is None or error or report.error:
        return _row(outcome.summary, "-", "-", str(error or (report and report.error)))
    return _row(outcome.summary, p_text(report.p_fake), str(len(report.subjects)), printable(outcome.path, limit=None))


def _row(*cells: str) -> str:
    return text_row(cells, ("<16", ">6", ">5", ""))


def _shown(path: Path) -> str:
    return portable_path(path) if os.path.exists(path) else without_secrets(str(path))

"""``edgefake video``: verdicts on whole video files."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from edgefake.cli.options import add_detector_options, exit_code, open_detector
from edgefake.cli.outputs import add_annotate_options, check_footer, output_paths
from edgefake.cli.terminal import LiveLine, complain
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.images import VIDEO_SUFFIXES, count_files, find_in_folder, write_image
from edgefake.lines import video_line
from edgefake.secrets import without_secrets
from edgefake.sinks.h264 import h264_encoder
from edgefake.sinks.video_file import VideoFileSink
from edgefake.streaming.pipeline import Watch, watch
from edgefake.streaming.timeline import Timeline
from edgefake.streaming.video import MIN_COVERAGE, VideoTally, VideoVerdict
from edgefake.tables import text_row
from edgefake.text import p_text, portable_path, printable

_COPY = ".annotated.mp4"

_EPILOG = f"""\
Every face is followed through the video, and its scores are averaged. The video's p_fake is that of its worst face, which must be
higher where there are several to be called fake, so that no more real videos are than real faces. A face counts
when it was found by three searches and scored for half a second, as in `edgefake watch`; without such a face there is no verdict,
nor when less than {MIN_COVERAGE:.0%} of the video could be read. A face that was away for 1.5 seconds gets a new number when it
comes back: there may be more tracks than people. Damaged frames are left out and told; how much was read is "coverage" in --json.

exit codes:
  0  no video was called fake or unsure; videos without a verdict count as such
  1  at least one video was called fake
  2  something went wrong, whatever else was found: a video that cannot be read or is black (the others are still judged),
     an unknown model, a wrong argument
  3  no video was called fake, at least one unsure
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "video",
        help="judge video files",
        description="Judge the faces in video files: real, unsure or fake.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", type=Path, help="a video file that FFmpeg can read, or a folder: all videos in it"
    )
    add_detector_options(parser)
    parser.add_argument(
        "--timeline", metavar="DIR", type=Path, help="plot p_fake of every face over time into DIR, as NAME.timeline.png"
    )
    add_annotate_options(parser, _COPY)
    parser.add_argument("--json", action="store_true", help="print one JSON object per video and line instead of a table")
    parser.set_defaults(action=_run)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one file: a verdict or an error."""

    path: Path
    verdict: VideoVerdict | None
    error: str | None = None

    @property
    def summary(self) -> str:
        if self.verdict is None:
            return "error"
        return self.verdict.verdict.value if self.verdict.verdict else "no verdict"


def _run(arguments: argparse.Namespace) -> int:
    check_footer(arguments)
    files, failures = _inputs(arguments.files)
    plots = output_paths(files, arguments.timeline, ".timeline.png", option="--timeline") if arguments.timeline else {}
    copies = _copies(files, arguments) if arguments.annotate else {}
    counts: Counter[str] = Counter()
    with LiveLine(every_s=0.1) as line, open_detector(arguments) as detector:
        if not arguments.json:
            line.print(_row("verdict", "p_fake", "frames", "faces", "tracks", "video"))
        outcomes = (_judge(detector, path, plots.get(path), copies.get(path), line) for path in files)
        for outcome in chain(failures, outcomes):
            line.print(_json(outcome, detector) if arguments.json else _table_rows(outcome))
            counts[outcome.summary] += 1
    if not arguments.json and counts.total() > 1:
        print(f"{counts.total()} videos: " + ", ".join(f"{count} {summary}" for summary, count in counts.most_common()))
    return exit_code(counts)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy with the faces marked, as it is asked for."""

    path: Path
    footer: bool
    h264: bool

    def sink(self) -> VideoFileSink:
        """What writes it, in the place of an earlier run's."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            name = printable(self.path)
            raise InputError(f"{name} cannot be replaced ({error.strerror}): give --annotate another folder") from error
        return VideoFileSink(self.path, show_fps=False, footer=self.footer, h264=self.h264)


def _copies(files: Sequence[Path], arguments: argparse.Namespace) -> dict[Path, _Copy]:
    """The copy of each file; says how they are encoded."""
    paths, encoder = output_paths(files, arguments.annotate, _COPY, option="--annotate"), h264_encoder()
    if encoder:
        complain(f"--annotate writes H.264 ({encoder})")
    else:
        complain("--annotate writes MPEG-4, which browsers do not play: pip install 'edgefake[h264]' for H.264")
    return {file: _Copy(path, arguments.footer, encoder is not None) for file, path in paths.items()}


def _inputs(paths: Sequence[Path]) -> tuple[list[Path], list[_Outcome]]:
    """The files to judge, each once, and the folders that hold none; says what was passed over."""
    files: list[Path] = []
    failures = []
    skipped: Counter[str] = Counter()
    for path in paths:
        try:
            files += find_in_folder(path, VIDEO_SUFFIXES, "videos", skipped) if os.path.isdir(path) else [path]
        except InputError as error:
            failures.append(_Outcome(path, None, f"{error} (pictures are for `edgefake predict`)"))
    if skipped:
        complain(f"passed over {count_files(skipped)} not ending like videos")
    return list(dict.fromkeys(files)), failures


def _judge(detector: Detector, path: Path, plot: Path | None, copy: _Copy | None, line: LiveLine) -> _Outcome:
    tally, timeline = VideoTally(detector.thresholds, detector.prior), Timeline()
    try:
        if not os.path.isfile(path):
            what = "is no regular file: save it as one first" if os.path.exists(path) else "does not exist"
            name = printable(without_secrets(str(path)))
            raise InputError(f"expected a video file, got {name}, which {what}; for cameras and URLs there is `edgefake watch`")
        with watch(path, detector) as running:
            if copy is not None:
                running.attach(copy.sink())
            for _, result in running:
                tally.add(result)
                if plot is not None:
                    timeline.add(result)
                if line.is_due:
                    line.show(_progress(result.index + 1, running, path))
        for report in running.sink_reports():
            if report.lost and copy is not None:
                raise InputError(f"the annotated copy {printable(copy.path)} lacks {report.lost} frames: {report.error}")
        if plot is not None:
            write_image(plot, timeline.plot())
    except EdgefakeError as error:
        return _Outcome(path, None, str(error))
    return _Outcome(path, tally.verdict(running.coverage))


def _progress(done: int, running: Watch, path: Path) -> str:
    speed = f"{done} frames, {running.health.report().fps_out:.0f} per second  {printable(path.name)}"
    if not running.total:
        return speed
    part = min(done / running.total, 1.0)
    return f"[{'#' * round(30 * part):<30}] {100 * part:3.0f} %  {speed}"


def _json(outcome: _Outcome, detector: Detector) -> str:
    path = portable_path(outcome.path if os.path.exists(outcome.path) else without_secrets(str(outcome.path)))
    return json.dumps(video_line(path, outcome.verdict or str(outcome.error), detector))


def _table_rows(outcome: _Outcome) -> str:
    """A row, and one more that explains it where that is needed."""
    verdict = outcome.verdict
    if verdict is None:
        return _row(outcome.summary, "-", "-", "-", "-", str(outcome.error))
    row = _row(
        outcome.summary,
        p_text(verdict.p_fake),
        str(verdict.frames),
        str(verdict.faces),
        str(len(verdict.tracks)),
        printable(outcome.path),
    )
    why = verdict.explanation()
    return f"{row}\n{'':<10}  {why}" if why else row


def _row(*cells: str) -> str:
    return text_row(cells, ("<10", ">6", ">6", ">6", ">6", ""))

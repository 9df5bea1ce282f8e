"""``edgefake calibrate``: thresholds that hold for one's own real pictures and videos."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from edgefake.calibration import Profile, calibrate
from edgefake.cli.options import add_opening_options, open_detector, parse_share
from edgefake.cli.terminal import LiveLine, complain
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError
from edgefake.images import IMAGE_SUFFIXES, VIDEO_SUFFIXES, PictureFile, count_files, find_in_folder
from edgefake.odds import CALIBRATED_FOR
from edgefake.streaming.pipeline import watch
from edgefake.streaming.video import VideoTally
from edgefake.tables import text_table
from edgefake.text import printable

_EPILOG = """\
Every face in FOLDER must be real: each is scored once in a picture, and over all its frames in a video. Files that cannot be read
are told and passed over. The threshold is for verdicts on one face; for several it is raised, as ever. It holds for this very
model file, for faces found as these were.

exit codes:
  0  done
  1  done, but there are too few faces to tell of such a rate: 3 / RATE are needed
  2  something went wrong: no face could be scored, an unknown model, a wrong argument
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "calibrate",
        help="choose thresholds by your own real pictures or videos",
        description="Choose the threshold that calls no more than RATE of the real faces in a folder fake.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="with real pictures, videos or both, in its subfolders too")
    parser.add_argument(
        "--rate", type=parse_share, default=0.01, help="share of real faces that may be called fake: 1%% or 0.01 (default: 1%%)"
    )
    add_opening_options(parser)
    parser.add_argument(
        "--out", metavar="FILE.json", type=_profile, help="write the profile there, which --threshold FILE.json takes"
    )
    parser.add_argument("--json", action="store_true", help="print the profile as JSON")
    parser.set_defaults(action=_run, threshold=0.5, prior=CALIBRATED_FOR)  # no verdict counts here


def _profile(text: str) -> Path:
    """Where it goes, told before the first face and not after the last."""
    path = Path(text)
    if path.suffix != ".json":
        raise argparse.ArgumentTypeError(f"expected a file ending in .json, got {text}")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"expected a file in a folder that can be written to, got {text}")
    return path


def _run(arguments: argparse.Namespace) -> int:
    skipped: Counter[str] = Counter()
    files = find_in_folder(arguments.folder, IMAGE_SUFFIXES | VIDEO_SUFFIXES, "pictures or videos", skipped)
    if skipped:
        complain(f"passed over {count_files(skipped)} not ending like pictures or videos")
    scores: list[float] = []
    with LiveLine(every_s=0.1) as line, open_detector(arguments) as detector:

        def tell(error: EdgefakeError) -> None:
            line.print(f"edgefake: passed over: {error}", to_stderr=True)

        for done, file in enumerate(files):
            if line.is_due:
                part = done / len(files)
                line.show(f"[{'#' * round(30 * part):<30}] {done}/{len(files)}  {len(scores)} faces  {printable(file.name)}")
            try:
                scores += _scores(detector, file, tell)
            except EdgefakeError as error:
                tell(error)
        profile = calibrate(detector.card, scores, rate=arguments.rate, finder=Path(arguments.faces).name)
    if arguments.out:
        profile.write(arguments.out)
    print(json.dumps(profile.to_dict()) if arguments.json else "\n".join(text_table(_facts(profile, arguments.out))))
    if profile.faces < profile.needed:
        complain(f"{profile.faces} real faces tell nothing of a rate of {profile.rate:.2%}: {profile.needed} are needed")
        return 1
    return 0


def _scores(detector: Detector, file: Path, tell: Callable[[EdgefakeError], None]) -> list[float]:
    """p_fake of every face in the pictures of a file, or of every one that was followed through a video; what cannot be read of
    the pictures is told."""
    found: list[float | None] = []
    if file.suffix.lower() in VIDEO_SUFFIXES:
        tally = VideoTally(detector.thresholds)
        with watch(file, detector) as running:
            for _, result in running:
                tally.add(result)
        found += [track.p_fake for track in tally.verdict().tracks]
    else:
        for frame in PictureFile.open(file):
            if isinstance(frame, EdgefakeError):
                tell(frame)
            else:
                found += [face.p_fake for face in detector.predict(frame).faces]
    return [p_fake for p_fake in found if p_fake is not None]


def _facts(profile: Profile, out: Path | None) -> Iterator[tuple[str, str]]:
    alarms, at = profile.false_alarms, profile.thresholds
    yield "model", profile.model
    yield "real faces", f"{profile.faces}, found by {profile.finder}"
    yield "fake from", f"{at.fake:.4f}"
    yield "real below", f"{at.real:.4f}"
    yield "called fake", f"{alarms:.2%} of real faces like these, {profile.rate:.2%} asked for"
    yield "profile", f"--threshold {printable(out)}" if out else "not written: give --out FILE.json"

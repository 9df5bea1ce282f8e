"""``edgefake predict``: verdicts on pictures."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefake.cli.options import add_detector_options, add_pixel_limit, exit_code, open_detector
from edgefake.cli.outputs import add_annotate_options, check_footer, output_paths
from edgefake.cli.terminal import LiveLine, complain
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.explanation import GRID
from edgefake.images import PictureFile, count_files, find_images, write_image
from edgefake.lines import picture_line
from edgefake.pixels import Pixels
from edgefake.prediction import Prediction
from edgefake.secrets import without_secrets
from edgefake.tables import text_row
from edgefake.text import p_text, portable_path, printable

_COPY, _MAPS = ".annotated.jpg", ".explained.png"

_EPILOG = f"""\
A picture without a face that can be scored (no face, face too small, face too blurred) gets its status instead of a verdict.
Of a file with several pictures (an animation, a TIFF with pages, an MPO) each is judged. The same file is judged once, whatever
paths lead to it. Of several faces the highest p_fake must be higher to be called fake, so that no more real pictures are than
real faces: a picture may be real though one of its faces, by itself, would be fake.

--explain shows what in each scored face speaks for fake (red) and what for real (blue), in log-odds on one scale for all
pictures. Where the model has no map of its own, it costs {GRID * GRID} more runs of it per face.

exit codes:
  0  nothing was called fake or unsure; pictures without a scorable face count as such
  1  at least one picture was called fake
  2  something went wrong, whatever else was found: a picture that cannot be read (the others are still judged), an unknown model,
     a wrong argument
  3  no picture was called fake, at least one unsure
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "predict",
        help="judge pictures",
        description="Judge the faces in pictures: real, unsure or fake.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a picture, a folder (with its subfolders), a quoted glob pattern, or - for a picture on standard input",
    )
    add_detector_options(parser)
    add_annotate_options(parser, _COPY)
    parser.add_argument(
        "--explain",
        metavar="DIR",
        type=Path,
        help="write what in the faces speaks for fake and for real into DIR, as NAME.explained.png",
    )
    add_pixel_limit(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object per picture and line instead of a table")
    parser.set_defaults(action=_run)


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Which pictures are written of each file that is judged."""

    copies: Mapping[Path, Path]
    maps: Mapping[Path, Path]
    footer: bool

    @staticmethod
    def of(arguments: argparse.Namespace, images: Sequence[Path]) -> _Pictures:
        copies = output_paths(images, arguments.annotate, _COPY, option="--annotate") if arguments.annotate else {}
        maps = output_paths(images, arguments.explain, _MAPS, option="--explain") if arguments.explain else {}
        return _Pictures(copies, maps, arguments.footer)

    def write(self, image: Path, number: int, count: int, frame: Pixels, prediction: Prediction) -> None:
        if image in self.copies:
            copy = _of_one(self.copies[image], _COPY, number, count)
            write_image(copy, prediction.draw(frame, footer=self.footer), private=True)
        if image in self.maps and prediction.p_fake is not None:
            write_image(_of_one(self.maps[image], _MAPS, number, count), prediction.draw_evidence(frame), private=True)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one picture: a prediction or an error."""

    path: str
    prediction: Prediction | None
    error: str | None = None
    picture: int | None = None
    """Which one in the file, from 1; None where the file could not be opened."""
    pictures: int | None = None
    """How many the file holds."""

    @property
    def summary(self) -> str:
        """The verdict, or in its stead ``error`` or the status."""
        if self.prediction is None:
            return "error"
        answer: str = (self.prediction.verdict or self.prediction.status).value
        return answer.replace("_", " ")


def _run(arguments: argparse.Namespace) -> int:
    check_footer(arguments)
    with LiveLine(every_s=0.0) as line, open_detector(arguments) as detector:
        images, failures = _inputs(arguments.paths)
        pictures = _Pictures.of(arguments, images)
        counts: Counter[str] = Counter()
        if not arguments.json:
            line.print(_row("verdict", "p_fake", "faces", "picture"))
        for outcome in _outcomes(detector, images, failures, pictures, arguments.max_pixels, line):
            line.print(_json(outcome, detector) if arguments.json else _table_row(outcome))
            counts[outcome.summary] += 1
    if not arguments.json and counts.total() > 1:
        print(f"{counts.total()} pictures: " + ", ".join(f"{count} {summary}" for summary, count in counts.most_common()))
    return exit_code(counts)


def _inputs(sources: Sequence[str]) -> tuple[list[Path], list[_Outcome]]:
    """The files to judge, each once, and the sources that hold none; says what was passed over."""
    images: dict[str, Path] = {}
    failures = []
    skipped: Counter[str] = Counter()
    for source in sources:
        try:
            for image in [Path("/dev/stdin")] if source == "-" else find_images(source, skipped=skipped):
                images.setdefault(source if "\0" in source else os.path.realpath(image), image)
        except InputError as error:
            failures.append(_Outcome(without_secrets(source) if "://" in source else source, None, str(error)))
    if skipped:
        complain(f"passed over {count_files(skipped)} not ending like pictures")
    return list(images.values()), failures


def _outcomes(
    detector: Detector,
    images: Sequence[Path],
    failures: Sequence[_Outcome],
    pictures: _Pictures,
    max_pixels: int,
    line: LiveLine,
) -> Iterator[_Outcome]:
    yield from failures
    for done, image in enumerate(images):
        if line.is_due and len(images) > 1:
            line.show(f"{done}/{len(images)}")
        yield from _judge(detector, image, pictures, max_pixels)


def _judge(detector: Detector, image: Path, pictures: _Pictures, max_pixels: int) -> Iterator[_Outcome]:
    try:
        file = PictureFile.open(image, max_pixels=max_pixels)
    except EdgefakeError as error:
        yield _Outcome(str(image), None, str(error))
        return
    for number, frame in enumerate(file, 1):
        prediction = failure = None
        try:
            if isinstance(frame, InputError):
                raise frame
            prediction = detector.predict(frame, explain=image in pictures.maps)
            pictures.write(image, number, len(file), frame, prediction)
        except EdgefakeError as error:
            prediction, failure = None, str(error)
        except MemoryError:
            prediction, failure = None, f"{printable(image)} needs more memory than there is: scale it down"
        yield _Outcome(str(image), prediction, failure, number, len(file))


def _of_one(path: Path, suffix: str, number: int, count: int) -> Path:
    return path if count == 1 else path.with_name(f"{path.name.removesuffix(suffix)}.{number}{suffix}")


def _json(outcome: _Outcome, detector: Detector) -> str:
    answer = outcome.prediction or str(outcome.error)
    path = portable_path(outcome.path)
    return json.dumps(picture_line(path, answer, detector, picture=outcome.picture, pictures=outcome.pictures))


def _table_row(outcome: _Outcome) -> str:
    prediction = outcome.prediction
    if prediction is None:
        return _row(outcome.summary, "-", "-", str(outcome.error))
    which = f" ({outcome.picture} of {outcome.pictures})" if outcome.pictures != 1 else ""
    return _row(
        outcome.summary, p_text(prediction.p_fake), str(len(prediction.faces)), printable(outcome.path, limit=None) + which
    )


def _row(*cells: str) -> str:
    return text_row(cells, ("<16", ">6", ">5", ""))

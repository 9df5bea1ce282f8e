"""``edgefake predict``: verdicts on pictures."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefake.cli.options import add_detector_options, exit_code, open_detector
from edgefake.cli.outputs import output_paths
from edgefake.cli.terminal import LiveLine, complain
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.images import MAX_PIXELS, PictureFile, count_files, find_images, write_image
from edgefake.lines import picture_line
from edgefake.prediction import Prediction
from edgefake.secrets import without_secrets
from edgefake.tables import text_row
from edgefake.text import p_text, portable_path, printable

_COPY = ".annotated.jpg"

_EPILOG = """\
A picture without a face that can be scored (no face, face too small, face too blurred) gets its status instead of a verdict.
Of a file with several pictures (an animation, a TIFF with pages, an MPO) each is judged. The same file is judged once, whatever
paths lead to it. Of several faces the highest p_fake must be higher to be called fake, so that no more real pictures are than
real faces: a picture may be real though one of its faces, by itself, would be fake.

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
    parser.add_argument(
        "--annotate", metavar="DIR", type=Path, help="write copies with the faces marked into DIR, as NAME.annotated.jpg"
    )
    parser.add_argument(
        "--max-megapixels",
        metavar="N",
        type=_megapixels,
        default=MAX_PIXELS,
        dest="max_pixels",
        help="refuse pictures that declare more pixels, before they are decoded (default: 200)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per picture and line instead of a table")
    parser.set_defaults(action=_run)


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


def _megapixels(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"expected megapixels above 0, got {text}")
    return round(number * 1e6)


def _run(arguments: argparse.Namespace) -> int:
    with LiveLine(every_s=0.0) as line, open_detector(arguments) as detector:
        images, failures = _inputs(arguments.paths)
        copies = output_paths(images, arguments.annotate, _COPY, option="--annotate") if arguments.annotate else {}
        counts: Counter[str] = Counter()
        if not arguments.json:
            line.print(_row("verdict", "p_fake", "faces", "picture"))
        for outcome in _outcomes(detector, images, failures, copies, arguments.max_pixels, line):
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
    copies: dict[Path, Path],
    max_pixels: int,
    line: LiveLine,
) -> Iterator[_Outcome]:
    yield from failures
    for done, image in enumerate(images):
        if line.is_due and len(images) > 1:
            line.show(f"{done}/{len(images)}")
        yield from _judge(detector, image, copies.get(image), max_pixels)


def _judge(detector: Detector, image: Path, copy: Path | None, max_pixels: int) -> Iterator[_Outcome]:
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
            prediction = detector.predict(frame)
            if copy is not None:
                write_image(_copy_of_one(copy, number, len(file)), prediction.draw(frame), private=True)
        except EdgefakeError as error:
            prediction, failure = None, str(error)
        except MemoryError:
            prediction, failure = None, f"{printable(image)} needs more memory than there is: scale it down"
        yield _Outcome(str(image), prediction, failure, number, len(file))


def _copy_of_one(copy: Path, number: int, count: int) -> Path:
    return copy if count == 1 else copy.with_name(f"{copy.name.removesuffix(_COPY)}.{number}{_COPY}")


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

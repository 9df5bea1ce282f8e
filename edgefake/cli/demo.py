"""``edgefake demo``: a verdict on a drawn portrait, for who has no photo at hand."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgefake.cli.options import add_detector_options, open_detector
from edgefake.errors import InputError
from edgefake.images import SAMPLE, read_image, write_image
from edgefake.scorer import CardScorer
from edgefake.text import p_text, printable

_DESCRIPTION = (
    "Judge the portrait that comes with edgefake. It is computer graphics, drawn by this project: that there is a verdict shows "
    "that all parts work, and which one says nothing about how good the model is on photos."
)


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "demo",
        help="judge a drawn portrait that comes with edgefake",
        description=_DESCRIPTION,
        epilog="exit codes: 0 done, 2 error",
    )
    add_detector_options(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="write there the portrait, a copy with the face marked, and what in it spoke for fake and for real",
    )
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.out is not None:
        _make(arguments.out)
    frame = read_image(SAMPLE)
    with open_detector(arguments) as detector:
        prediction = detector.predict(frame, explain=arguments.out is not None)
        terms = detector.scorer.card.terms if isinstance(detector.scorer, CardScorer) else None
        model = printable(detector.scorer.name)
    answer = prediction.verdict or prediction.status
    faces = f"{len(prediction.faces)} face{'s' if len(prediction.faces) != 1 else ''}"
    print(f"{answer.value.replace('_', ' ')}, p_fake {p_text(prediction.p_fake)}, {faces}, by {model}")
    print("The portrait is computer graphics: this says nothing about how good the model is on photos.")
    if terms is not None:
        print(f"Terms of the weights: {printable(terms, limit=None)}.")
    if arguments.out is not None:
        pictures = {"portrait.jpg": frame, "portrait.annotated.jpg": prediction.draw(frame)}
        if prediction.p_fake is not None:
            pictures["portrait.explained.png"] = prediction.draw_evidence(frame)
        for name, picture in pictures.items():
            write_image(arguments.out / name, picture)
            print(f"wrote {printable(arguments.out / name)}")
    print("Your own next: edgefake predict photo.jpg")
    return 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {printable(folder)} cannot be made ({error.strerror}): name another --out") from error

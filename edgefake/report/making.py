"""From a file to its ``Report``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from pathlib import Path

from edgefake.detector import Detector
from edgefake.errors import InputError
from edgefake.images import PictureFile
from edgefake.images.reading import HEAD_BYTES, Source, begins_as_video
from edgefake.prediction import Prediction, worst_of
from edgefake.report.credentials import read_credentials
from edgefake.report.cutouts import SHEET_SIDE, cutout_of, face_square, jpeg_of
from edgefake.report.extra import require_extra
from edgefake.report.facts import picture_facts, plain_facts
from edgefake.report.record import Report, Sheet, Subject, rates_for
from edgefake.report.setup import Setup, card_of
from edgefake.report.video import VideoRecord
from edgefake.streaming.pipeline import watch
from edgefake.streaming.result import FrameResult
from edgefake.text import printable


def is_video_file(path: Path) -> bool:
    """Whether a file is to be judged as a video: by its content, and by its name where that leaves it open."""
    try:
        with open(path, "rb") as file:
            return begins_as_video(file.read(HEAD_BYTES), path.suffix)
    except (OSError, ValueError):  # a NUL in the name
        return False


def picture_report(
    source: Source | PictureFile,
    detector: Detector,
    *,
    name: str,
    command: str | None = None,
    explain: bool = True,
    predictions: Sequence[Prediction | None] | None = None,
) -> Report:
    """Judge the picture or pictures in a file, and report on it.

    Args:
        source: the path of the file, its bytes, or a file object opened for reading bytes; or what was opened already.
        name: what the file is called on the page, which shows no folder.
        command: the command line that asked for it, for who wants to repeat it.
        explain: show what in each face spoke for fake and for real, see ``Detector.predict`` for what that costs.
        predictions: what ``detector`` said of each picture of the file, where it was asked before.

    Raises ``InputError`` where the file cannot be opened as a picture (``unreadable_report`` makes a page of that), or the
    extra ``report`` is not installed. A picture in it that cannot be read is told on the page.
    """
    require_extra()
    file = source if isinstance(source, PictureFile) else PictureFile.open(source)
    facts, setup, card = picture_facts(file, name), Setup.of(detector, command), card_of(detector)
    sheets: list[Sheet] = []
    subjects: list[Subject] = []
    for number, (frame, known) in enumerate(zip(file, chain(predictions or (), repeat(None)), strict=False), 1):
        if isinstance(frame, InputError):
            sheets.append(Sheet(number, error=str(frame)))
            continue
        prediction = known or detector.predict(frame, explain=explain)
        height, width = frame.shape[:2]
        sheets.append(Sheet(number, prediction, None, jpeg_of(frame, SHEET_SIDE), width, height))
        subjects += [
            Subject(
                len(subjects) + n,
                face.status,
                face.p_fake,
                face.verdict,
                face.quality,
                rates_for(card, setup, facts, face.quality.size),
                picture=number,
                cutout=cutout_of(face_square(detector, frame, face.box), face.evidence, face.evidence_from),
            )
            for n, face in enumerate(prediction.faces, 1)
        ]
    judged = [sheet.prediction for sheet in sheets if sheet.prediction is not None]
    status, verdict, p_fake, whole = worst_of(judged, setup.thresholds)
    error = next((sheet.error for sheet in sheets if sheet.error), None)
    return Report(
        "picture", facts, read_credentials(file.data), setup, card, status, verdict, p_fake, whole, subjects, sheets, error=error
    )


def video_report(
    path: str | os.PathLike[str],
    detector: Detector,
    *,
    name: str | None = None,
    command: str | None = None,
    explain: bool = True,
    seen: Callable[[FrameResult], None] = lambda result: None,
) -> Report:
    """Judge a video file as ``edgefake video`` does, and report on it. ``seen`` is called with every result.

    See ``picture_report``. Raises ``InputError`` where nothing of the file can be played, or it changes meanwhile.
    """
    require_extra()
    path, record = Path(path), VideoRecord(detector, explain=explain)
    before = _stamp(path)
    with watch(path, detector) as running:
        for frame, result in running:
            record.add(frame, result)
            seen(result)
    report = record.report(path, name=name, command=command, coverage=running.coverage)
    if _stamp(path) != before:
        raise InputError(f"{printable(path)} was changed while it was judged: wait until it is whole")
    return report


def unreadable_report(
    path: str | os.PathLike[str], error: InputError, detector: Detector, *, name: str | None = None, command: str | None = None
) -> Report:
    """That nothing was judged of a file, because of ``error``. Raises ``InputError`` where there is no file at all."""
    path = Path(path)
    facts = plain_facts(path, name or path.name)
    setup = Setup.of(detector, command)
    kind = "video" if is_video_file(path) else "picture"
    credentials = read_credentials(path)
    return Report(kind, facts, credentials, setup, card_of(detector), "error", None, None, setup.thresholds, error=str(error))


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes when the file does; None without one."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns

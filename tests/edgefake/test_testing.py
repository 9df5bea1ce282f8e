"""The contract suites let pass what keeps a contract, and name the clause that something breaks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefake import BackendError, Box, Face, ModelCard
from edgefake.faces.geometry import crop_square
from edgefake.models.card import Golden
from edgefake.models.golden import encode_pixels
from edgefake.pixels import Pixels
from edgefake.runtimes.spec import InputSpec
from edgefake.scorer import Score
from edgefake.sinks import Sink, StreamInfo, TryLater
from edgefake.streaming.result import FrameResult
from edgefake.testing import check_finder, check_runtime, check_scorer, check_sink, sink

SPEC = InputSpec(16, 24)
FRAME = np.full((60, 90, 3), 90, np.uint8)
FACES = [Face(Box(5, 5, 30, 30), 0.9, ((8, 9), (20, 9), (14, 15), (9, 20), (19, 20))), Face(Box(50, 20, 20, 20), 0.8)]


def mean(pixels: Pixels) -> np.ndarray:
    return pixels.mean(axis=(1, 2), dtype=np.float32)


class Mean:
    """A runtime whose network is the mean colour of each picture, and its square."""

    name, is_open = "mean", True

    def run(self, pixels: Pixels) -> Any:
        if not self.is_open:
            raise BackendError("this model is closed: open it again")
        return mean(pixels), mean(pixels)[:, None] ** 2

    def close(self) -> None:
        self.is_open = False


def running(run: Callable[..., Any]) -> type[Mean]:
    return type("Broken", (Mean,), {"run": lambda self, pixels: run(pixels) if self.is_open else Mean.run(self, pixels)})


def written_to(pixels: Pixels) -> tuple[np.ndarray]:
    answer = mean(pixels)
    if not pixels.flags.c_contiguous:  # as native code does, which looks at no flag
        pixels[:] = 0
    return (answer,)


BUFFER = np.zeros((99, 3), np.float32)


def buffered(pixels: Pixels) -> tuple[np.ndarray]:
    BUFFER[: len(pixels)] = mean(pixels)
    return (BUFFER[: len(pixels)],)


def raced(pixels: Pixels) -> tuple[np.ndarray]:
    BUFFER[: len(pixels)] = mean(pixels[::-1])[::-1]
    time.sleep(0.001)
    return (BUFFER[: len(pixels)].copy(),)


def contiguous(pixels: Pixels) -> tuple[np.ndarray]:
    return (mean(np.frombuffer(pixels.data.cast("B"), np.uint8).reshape(pixels.shape)),)


class Fragile(Mean):
    def close(self) -> None:
        if not self.is_open:
            raise ValueError("closed already")
        self.is_open = False


class Immortal(Mean):
    def close(self) -> None:
        pass


class Wordy(Mean):
    def run(self, pixels: Pixels) -> Any:
        if not self.is_open:
            raise BackendError("closed")
        return super().run(pixels)


BROKEN_RUNTIMES = [
    ("name: ''", type("Broken", (Mean,), {"name": ""})),
    ("outputs: list", running(lambda pixels: [mean(pixels)])),
    ("outputs: tuple", running(lambda pixels: ())),
    ("outputs: float64", running(lambda pixels: (mean(pixels).astype(float),))),
    ("outputs: shape", running(lambda pixels: (mean(pixels)[0],))),
    ("outputs: NaN or infinity", running(lambda pixels: (np.full((len(pixels), 2), np.nan, np.float32),))),
    ("outputs: NaN or infinity", running(lambda pixels: (mean(pixels), mean(pixels) + np.float32(np.inf)))),
    ("outputs: 7 different", running(lambda pixels: (np.ones((len(pixels), 2), np.float32),))),
    ("batch = singles: output 0", running(lambda pixels: (mean(pixels)[::-1].copy(),))),
    ("batch = singles: output 0", running(lambda pixels: (mean(pixels) / len(pixels),))),
    ("batch = singles: 1 outputs", running(lambda pixels: (mean(pixels),) * (1 + (len(pixels) == 1)))),
    ("batch = singles: shape", running(lambda pixels: (mean(pixels[:32]),))),
    ("own arrays: output 0", running(buffered)),
    ("views and read-only input: run changed", running(written_to)),
    ("views and read-only input: it raised TypeError", running(contiguous)),
    ("threads: output 0", running(raced)),
    ("close: it raised ValueError", Fragile),
    ("close: run after close does not", Immortal),
    ("close: run after close raises BackendError('closed')", Wordy),
]


def refused(told: str, check: Callable[[], None]) -> None:
    with pytest.raises(AssertionError) as caught:
        check()
    assert str(caught.value).startswith(told)


def test_a_good_runtime() -> None:
    check_runtime(Mean(), SPEC)
    check_runtime(Mean(), SPEC, pictures=np.random.default_rng(1).integers(0, 99, (2, 16, 24, 3), dtype=np.uint8))


@pytest.mark.parametrize(("told", "broken"), BROKEN_RUNTIMES, ids=[told for told, _ in BROKEN_RUNTIMES])
def test_a_broken_runtime(told: str, broken: type[Mean]) -> None:
    refused(told, lambda: check_runtime(broken(), SPEC))


def test_golden_vectors(make_card: Callable[..., ModelCard]) -> None:
    level = running(lambda pixels: (mean(pixels)[:, :1],))
    picture = np.full((16, 16, 3), 7, np.uint8)
    for output, told in ((7.0, None), (7.5, "golden vectors: score is 0.5 off, 0.1 ")):
        card = make_card(golden=(Golden(encode_pixels(picture), output),), golden_tolerance=0.1)
        if told is None:
            check_runtime(level(), card)
        else:
            refused(told, lambda card=card: check_runtime(level(), card))  # type: ignore[misc]


class Knowing:
    """A finder that knows where the faces are in the frame that is ``FRAME``, or a changed one of its size."""

    def find(self, frame: Pixels) -> list[Face]:
        return list(FACES) if frame.shape == FRAME.shape else []


def finding(find: Callable[[Knowing, Pixels], Any], **more: Any) -> Knowing:
    return type("Broken", (Knowing,), {"find": find, **more})()  # type: ignore[no-any-return]


def always(*faces: object) -> Knowing:
    return finding(lambda self, frame: list(faces))


def counted(self: Any, frame: Pixels) -> list[Face]:
    self.calls = getattr(self, "calls", 0) + 1
    return Knowing.find(self, frame)[: 2 if self.calls == 1 else 1]


def scribbling(self: Any, frame: Pixels) -> list[Face]:
    frame.flags.writeable = True
    frame[0, 0] += 1
    return Knowing.find(self, frame)


def unreliable(self: Any, frame: Pixels) -> list[Face]:
    self.frame = frame
    time.sleep(0.001)
    return Knowing.find(self, frame)[: 1 + (self.frame is frame)]


def fixed_size(self: Any, frame: Pixels) -> list[Face]:
    assert frame.shape == FRAME.shape
    return FACES


BROKEN_FINDERS = [
    ("faces: tuple", finding(lambda self, frame: tuple(FACES))),
    ("faces: none", always()),
    ("faces: (1, 2, 3, 4)", always((1, 2, 3, 4))),
    ("faces: it raised InputError: ", always(Face(Box(500, 5, 9, 9)))),
    ("faces: a score of 2", always(Face(FACES[0].box, 2.0))),
    ("faces: a score of np.float64(", always(Face(FACES[0].box, np.float64(0.9)))),
    ("faces: a box of (5, ", always(Face(Box(5, np.int64(5), 30, 30)))),
    ("faces: the landmarks", always(Face(FACES[0].box, 1.0, ((np.float64(1), 2),) * 5))),
    ("faces: the landmarks", always(Face(FACES[0].box, 1.0, ((1, 2), (3, 4))))),
    ("every: it raised InputError: ", finding(Knowing.find, every=0)),
    ("best first: ", always(*FACES[::-1])),
    ("one for each person: 1 of 2", always(FACES[0], Face(Box(6, 6, 20, 20), 0.5))),
    ("framing: the overlap ", always(Face(Box(9, 9, 9, 9)))),
    ("other frames: it raised ", finding(fixed_size)),
    ("find_fast: NoneType", finding(Knowing.find, find_fast=lambda self, frame: None)),
    ("find_near: NoneType", finding(Knowing.find, find_near=lambda self, frame, near: None)),
    ("same again: ", finding(counted)),
    ("read-only frames: find changed", finding(scribbling)),
    ("threads: ", finding(unreliable)),
]


def test_a_good_finder() -> None:
    check_finder(Knowing(), FRAME, box=Box(4, 5, 31, 29))
    check_finder(finding(Knowing.find, find_fast=Knowing.find, find_near=lambda self, frame, boxes: self.find(frame)), FRAME)


@pytest.mark.parametrize(("told", "broken"), BROKEN_FINDERS, ids=[told for told, _ in BROKEN_FINDERS])
def test_a_broken_finder(told: str, broken: Knowing) -> None:
    refused(told, lambda: check_finder(broken, FRAME.copy(), box=FACES[0].box))


class Brightness:
    """A scorer for which bright faces are fake."""

    name, threshold, crop_margin = "brightness", 0.5, 0.3

    def crop(self, frame: Pixels, box: Box | None) -> Any:
        side = min(frame.shape[:2])
        return frame[:side, :side] if box is None else crop_square(frame, box, self.crop_margin)

    def score(self, crops: Sequence[Pixels]) -> Any:
        return [Score(float(crop.mean()) / 255, np.zeros((2, 2), np.float32)) for crop in crops]

    def close(self) -> None:
        pass


def scorer(**changes: Any) -> Brightness:
    return type("Broken", (Brightness,), changes)()  # type: ignore[no-any-return]


def blackened(self: Brightness, crops: Sequence[Pixels]) -> list[Score]:
    scores = Brightness.score(self, crops)
    if not crops[0].flags.writeable:
        for crop in crops:
            crop.flags.writeable = True
            crop[:] = 0
    return scores  # type: ignore[no-any-return]


def shared(self: Any, crops: Sequence[Pixels]) -> list[Score]:
    self.crops = crops
    time.sleep(0.001)
    return Brightness.score(self, self.crops)  # type: ignore[no-any-return]


def of_first_frame(self: Any, frame: Pixels, box: Box | None) -> Any:
    type(self).first = frame if self.first is None else self.first
    return Brightness.crop(self, self.first, box)


def closes_once(self: Any) -> None:
    del self.open
    self.close = lambda: self.open


BROKEN_SCORERS = [
    ("name: ", scorer(name="")),
    ("threshold: 2", scorer(threshold=2)),
    ("crop_margin: None", scorer(crop_margin=None)),
    ("crop: uint8 (240, 320, 3)", scorer(crop=lambda self, frame, box: frame)),
    ("crop: float64", scorer(crop=lambda self, frame, box: np.ones((9, 9, 3)))),
    ("scores: tuple", scorer(score=lambda self, crops: (Score(0.5),))),
    ("scores: list", scorer(score=lambda self, crops: [0.5])),
    ("scores: 2 for 1", scorer(score=lambda self, crops: [Score(0.5)] * 2)),
    ("scores: a p_fake of 1.5", scorer(score=lambda self, crops: [Score(1.5)])),
    ("scores: a p_fake of np.float32(0.5)", scorer(score=lambda self, crops: [Score(np.float32(0.5))])),  # type: ignore[arg-type]
    ("scores: a p_fake of nan", scorer(score=lambda self, crops: [Score(float("nan"))])),
    ("scores: NaN or infinity in", scorer(score=lambda self, crops: [Score(0.5, np.full((1, 1), np.inf, np.float32))])),
    ("scores: float64 (1, 1) as", scorer(score=lambda self, crops: [Score(0.5, np.ones((1, 1)))])),  # type: ignore[arg-type]
    ("scores: 5 different", scorer(score=lambda self, crops: [Score(0.5)] * len(crops))),
    ("another frame: ", scorer(crop=of_first_frame, first=None)),
    ("batch = singles: ", scorer(score=lambda self, crops: Brightness.score(self, crops)[::-1])),
    ("views and read-only input: score changed", scorer(score=blackened)),
    ("threads: ", scorer(score=shared)),
    ("close: it raised AttributeError", scorer(close=closes_once, open=True)),
]


def test_a_good_scorer() -> None:
    check_scorer(Brightness())
    check_scorer(Brightness(), frame=np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3), boxes=[Box(1, 2, 30, 20)])


@pytest.mark.parametrize(("told", "broken"), BROKEN_SCORERS, ids=[told for told, _ in BROKEN_SCORERS])
def test_a_broken_scorer(told: str, broken: Brightness) -> None:
    refused(told, lambda: check_scorer(broken))


class Shelf(Sink):
    """Keeps the results of all streams, each put off once."""

    def __init__(self) -> None:
        self.kept: list[FrameResult] = []
        self.lines: list[FrameResult] | None = None
        self.tried: FrameResult | None = None

    def open(self, stream: StreamInfo) -> None:
        self.lines = []

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        assert (frame is not None) == self.uses_frame
        if self.tried is not result:
            self.tried = result
            raise TryLater("it is away")
        self.lines.append(result)  # type: ignore[union-attr]

    def close(self) -> None:
        self.kept += self.lines or []
        self.lines = None


def shelf(**changes: Any) -> Shelf:
    return type("Broken", (Shelf,), changes)()  # type: ignore[no-any-return]


def once(self: Any, stream: StreamInfo) -> None:
    if self.kept:
        raise ValueError("opened before")
    Shelf.open(self, stream)


def rated(self: Shelf, stream: StreamInfo) -> None:
    Shelf.open(self, stream)
    self.pause = 1 / stream.fps  # type: ignore[attr-defined,operator]


def drawn_on(self: Shelf, frame: Pixels, result: FrameResult) -> None:
    frame[0, 0] ^= 1


def first_face(self: Shelf, frame: Pixels, result: FrameResult) -> None:
    _ = result.tracks[0]


BROKEN_SINKS = [
    ("derived from Sink: object", object()),
    ("derived from Sink: its name", shelf(name=None)),
    ("derived from Sink: uses_frame", shelf(uses_frame="no")),
    ("close before open: it raised TypeError", shelf(close=lambda self: self.kept.extend(self.lines))),
    ("open: it raised FileNotFoundError", shelf(open=lambda self, stream: Path("/nowhere/x").read_text())),
    ("send: it raised IndexError", shelf(send=first_face)),
    ("frames are not changed: ", shelf(uses_frame=True, send=drawn_on)),
    ("another stream: open: it raised TypeError", shelf(open=rated)),
    ("another stream: open: it raised ValueError", shelf(open=once)),
    ("all results arrive: 0 of 12", shelf(close=lambda self: None)),
    ("all results arrive: 24 of 12", shelf(close=lambda self: self.kept.extend(2 * (self.lines or [])) or self.open(None))),
]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "PATIENCE_S", 0.2)


def test_a_good_sink() -> None:
    for good in (shelf(), shelf(uses_frame=True)):
        check_sink(good, arrived=lambda good=good: len(good.kept))  # type: ignore[misc]


@pytest.mark.parametrize(("told", "broken"), BROKEN_SINKS, ids=[told for told, _ in BROKEN_SINKS])
def test_a_broken_sink(told: str, broken: Any) -> None:
    refused(told, lambda: check_sink(broken, arrived=lambda: len(broken.kept)))


def test_a_sink_that_puts_everything_off() -> None:
    def away(*_: object) -> None:
        raise TryLater("nobody listens")

    refused("send: a result was put off for 0.2 s (nobody listens)", lambda: check_sink(shelf(send=away)))


def test_a_sink_that_closes_only_once() -> None:
    def close(self: Shelf) -> None:
        if self.kept and self.lines is None:
            raise ValueError
        Shelf.close(self)

    refused("close twice: it raised ValueError", lambda: check_sink(shelf(close=close)))


def test_no_test_framework_is_needed() -> None:
    code = "import sys; sys.modules['pytest'] = None; from edgefake import testing; testing.check_sink"
    subprocess.run([sys.executable, "-c", code], check=True)

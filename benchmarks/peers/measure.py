"""``python -m benchmarks peers``."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from benchmarks.goals import Goal
from benchmarks.peers.forms import faces, make_forms
from benchmarks.peers.runners import FRAMES, MODELS
from benchmarks.peers.turns import Seconds, take_turns
from benchmarks.timing import milliseconds
from edgefake.pixels import Pixels
from edgefake.statistics import Interval, Summary
from edgefake.system import default_threads

OURS, FLOOR, FLOAT = "edgefake", "LiteRT INT8, bare", "LiteRT FP32, bare"
OFFERED = (FLOOR, "OpenVINO INT8, the .tflite", "OpenVINO INT8, QDQ ONNX")
"""Runtimes that edgefake has too, without edgefake."""
SCRIPT = "OpenCV + Keras script"
PORTRAIT = Path(__file__).parents[2] / "tests" / "images" / "portrait.jpg"
WARM_UP = 5
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to run the network."""

    name: str
    timing: Summary
    ratio: Interval
    """Its median over edgefake's; the bootstrap is over the rounds."""


@dataclass(frozen=True, slots=True)
class Peers:
    """All ways to run one network, and the whole job on a frame. edgefake itself and bare LiteRT are always there."""

    recipe: str
    size: int
    threads: int
    faces: tuple[Peer, ...]
    frames: tuple[Peer, ...]
    skipped: dict[str, str]

    @property
    def goals(self) -> tuple[Goal, ...]:
        """Ratios, upside down where more is better."""
        by_name = {peer.name: peer for peer in self.faces}
        offered = min((by_name[name] for name in OFFERED if name in by_name), key=lambda peer: peer.ratio.value)
        others = (peer for peer in self.faces if peer.name not in OFFERED and not peer.name.startswith(OURS))
        fastest = min(others, key=lambda peer: peer.ratio.value)
        floor = by_name[FLOOR].ratio.value
        goals = [
            Goal("edgefake, face to verdict / bare interpreter", 1 / floor, 1.03, "×"),
            Goal(f"{offered.name} / {fastest.name}", offered.ratio.value / fastest.ratio.value, 1.05, "×"),
            Goal("INT8 / FP32, both LiteRT", floor / by_name[FLOAT].ratio.value, 1 / 3, "×"),
        ]
        scripts = (peer for peer in self.frames if peer.name == SCRIPT)
        goals += [Goal(f"edgefake / {peer.name}, 720p frame", 1 / peer.ratio.value, 1 / 8, "×") for peer in scripts]
        return tuple(goals)

    def __str__(self) -> str:
        lines = [f"{self.recipe} at {self.size} px, {self.threads} threads, interleaved; ms, and medians as ratios to edgefake's"]
        for title, peers in (("a face", self.faces), ("a 1280×720 frame with one face", self.frames)):
            lines += ["", f"{title:<32}{'median':>9}{'p90':>9}{'p99':>9}{'ratio':>9}  95 % interval"]
            for peer in sorted(peers, key=lambda peer: peer.ratio.value):
                t, ratio = peer.timing, peer.ratio
                lines.append(
                    f"{peer.name:<32}{t.median:9.3f}{t.p90:9.3f}{t.p99:9.3f}{ratio.value:9.2f}  {ratio.low:.2f}–{ratio.high:.2f}"
                )
        return "\n".join([*lines, "", *(f"skipped: {name}: {why}" for name, why in self.skipped.items())])


def measure_peers(recipe: str, *, size: int | None, rounds: int, threads: int | None) -> Peers:
    """Time every peer on the same faces, and the whole job on the same frame; all forms come from one set of random weights."""
    threads = threads or default_threads()
    with TemporaryDirectory(prefix="edgefake_peers_") as folder:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            forms = pool.submit(make_forms, recipe, size, Path(folder)).result()
        of_faces = take_turns(MODELS, forms, list(faces(forms.size)), rounds=rounds, warm_up=WARM_UP, threads=threads)
        of_frames = take_turns(FRAMES, forms, [frame()], rounds=max(1, rounds // 5), warm_up=1, threads=threads)
    skipped = of_faces.skipped | of_frames.skipped
    return Peers(recipe, forms.size, threads, _compared(of_faces.seconds), _compared(of_frames.seconds), skipped)


def frame() -> Pixels:
    """1280×720, BGR, with the one face of the rendered portrait."""
    portrait = cv2.imread(str(PORTRAIT))
    canvas = cv2.GaussianBlur(cv2.resize(portrait, (1280, 720)), (0, 0), 30)
    canvas[60:660, 400:880] = portrait[:600, :480]
    return np.asarray(canvas, np.uint8)


def _compared(seconds: dict[str, Seconds]) -> tuple[Peer, ...]:
    ours = seconds[OURS]
    return tuple(Peer(name, milliseconds(own.ravel().tolist()), _ratio(own, ours)) for name, own in seconds.items())


def _ratio(own: Seconds, ours: Seconds) -> Interval:
    """Ratio of the medians; rounds are drawn, for the runs of one turn are alike."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(own), (RESAMPLES, len(own)))
    ratios = [float(np.median(own[rows]) / np.median(ours[rows])) for rows in drawn]
    return Interval.of(float(np.median(own) / np.median(ours)), ratios)

"""YuNet (Wu et al. 2023) through OpenCV, from a file that users bring.

A damaged ``.onnx`` can kill the process inside OpenCV, so a strange one is tried in another first.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError, ModelStoreError
from edgefake.faces.geometry import MAX_REACH, Box, Face, one_per_face
from edgefake.faces.reduced import enlarged, reduced
from edgefake.models.onnx_form import KEY
from edgefake.pixels import Pixels
from edgefake.secrets import without_secrets
from edgefake.text import printable

KNOWN = {
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4": "face_detection_yunet_2023mar.onnx",  # OpenCV's zoo
    "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31": "yunet_n_640_640.onnx",  # libfacedetection.train
    "81dbde155e982455488235acb8ec2dec5d647edf7cf7080d33e4abb69b93a0d2": "yunet_n_320_320.onnx",  # the same
}
"""Files that need no trial, by their SHA-256."""
_ZOO, _TRAIN, _ = KNOWN
OFFERED = (
    f"{KNOWN[_ZOO]} (SHA-256 {_ZOO}) from https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet, or "
    f"{KNOWN[_TRAIN]} (SHA-256 {_TRAIN}) from https://github.com/ShiqiYu/libfacedetection.train"
)
"""Where people who have no file get one."""

MAX_FILE = 64 << 20
MAX_MEMORY = 1 << 30
"""Bytes that a trial may take, above those of Python and OpenCV. YuNet takes a tenth of it."""
PATIENCE_S = 60.0
SIZES = ((64, 64), (640, 360), (360, 640), (640, 640), (97, 131))
REFUSED = 3
"""Exit code of a trial in which OpenCV refused the file in an orderly way."""

_tried: set[str] = set()


class YuNetFinder:
    """Faces by YuNet, turned and partly hidden ones that the Haar cascade misses too. See ``edgefake.faces.FaceFinder``.

    Raises ``InputError`` when the file is missing or no YuNet model. A file that edgefake does not know is tried in a process of
    its own first, once (a second).
    """

    def __init__(self, model: str | Path, *, min_score: float = 0.7) -> None:
        """``model`` is YuNet's ``.onnx`` file; faces of lower scores than ``min_score`` are left out."""
        self._data, self._min_score = read_yunet(Path(model)), min_score
        self.sha256 = hashlib.sha256(self._data).hexdigest()
        """Of the file."""
        self._local = threading.local()
        self._local.detector = open_yunet(self._data, min_score)

    def find(self, frame: Pixels) -> list[Face]:
        small, ratio = reduced(frame)
        height, width = small.shape[:2]
        if not hasattr(self._local, "detector"):
            self._local.detector = open_yunet(self._data, self._min_score)
        self._local.detector.setInputSize((width, height))
        found = self._local.detector.detect(small)[1]
        return one_per_face(_usable(found, width, height, ratio)) if found is not None else []


def _usable(found: npt.NDArray[np.float32], width: int, height: int, ratio: float) -> Iterator[Face]:
    """The faces that a crop can be taken of: in pictures of a few pixels YuNet finds infinite boxes too."""
    longest = MAX_REACH * max(width, height)
    for x, y, w, h, *points, score in found.tolist():
        if 0 < w < longest and 0 < h < longest and -w < x < width and -h < y < height:
            landmarks = tuple((px * ratio, py * ratio) for px, py in zip(points[::2], points[1::2], strict=True))
            yield Face(enlarged(Box(x, y, w, h), ratio), score, landmarks)


def open_finder(file: str | None) -> YuNetFinder:
    """The finder of that file. Raises ``InputError`` when none is named, or it is none."""
    if not file:
        raise InputError(f"expected yunet:FILE.onnx, got yunet without a file: get {OFFERED}")
    return YuNetFinder(file)


def read_yunet(path: Path) -> bytes:
    """The content of ``path``, which OpenCV can run. Raises ``InputError`` when there is no such file, or OpenCV can't."""
    name = printable(path)
    if not os.path.isfile(path):
        told = printable(without_secrets(str(path)))
        raise InputError(f"there is no YuNet model {told}: get {OFFERED}")
    try:
        if path.stat().st_size > MAX_FILE:
            raise InputError(f"{name} is larger than any YuNet model: give a face_detection_yunet .onnx file")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror or error}): give a file that can") from error
    if KEY in data:
        raise InputError(f"expected a YuNet model, got {name} with a card of edgefake: give faces= edge:{name}")
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 in KNOWN or sha256 in _tried:
        return data
    stamp = _stamp(sha256)
    if stamp is None or not stamp.exists():
        _try(data, name)
        with suppress(OSError):
            if stamp:
                stamp.parent.mkdir(parents=True, exist_ok=True)
                stamp.touch()
    _tried.add(sha256)
    return data


def open_yunet(data: bytes, min_score: float) -> cv2.FaceDetectorYN:
    """A detector of what ``read_yunet`` returned. Raises ``cv2.error``."""
    # By a name of our own, as OpenCV before 4.9 takes no buffers, and none takes names that are not UTF-8.
    with tempfile.TemporaryDirectory(prefix="edgefake-") as folder:
        copy = Path(folder) / "yunet.onnx"
        copy.write_bytes(data)
        return cv2.FaceDetectorYN.create(str(copy), "", (64, 64), min_score)


def _stamp(sha256: str) -> Path | None:
    from edgefake.models.store import cache_folder

    with suppress(ModelStoreError):
        return cache_folder() / "yunet" / f"{sha256}-{cv2.__version__}"
    return None


def _try(data: bytes, name: str) -> None:
    """Run it in a process that may die of it. Raises ``InputError`` unless it lives."""
    if getattr(sys, "frozen", False) or not sys.executable:  # the executable is somebody's program, not Python
        raise InputError(
            f"{name} is none of the YuNet files that edgefake knows, and without a Python interpreter it can't be tried: "
            "give face_detection_yunet_2023mar.onnx of OpenCV's model zoo"
        )
    import subprocess

    script = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from edgefake.faces.yunet import trial; trial()"
    command = [sys.executable, "-I", "-c", script, json.dumps([os.path.abspath(folder) for folder in sys.path])]
    try:
        child = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"{name} is no YuNet face detector that OpenCV can run: it did not end in {PATIENCE_S:g} s") from None
    except OSError as error:
        raise InputError(f"{name} can't be tried ({error.strerror or error}): make room for one more process") from error
    if child.returncode == 0:
        return
    reason = child.stdout.decode(errors="replace").strip() if child.returncode == REFUSED else _end(child.returncode)
    raise InputError(f"{name} is no YuNet face detector that OpenCV can run: {printable(reason)}")


def _end(code: int) -> str:
    with suppress(ValueError):
        return f"OpenCV crashes on it ({signal.Signals(-code).name})"
    return f"OpenCV fails on it (exit code {code})"


def trial() -> None:
    """Open the model on stdin and search pictures of several sizes. For a process of its own, see ``_try``."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MAX_MEMORY,) * 2)
    cv2.setNumThreads(1)  # every thread more would take of that memory
    rng = np.random.default_rng(0)
    try:
        detector = open_yunet(sys.stdin.buffer.read(), 0.1)
        for width, height in SIZES:
            detector.setInputSize((width, height))
            detector.detect(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    except (cv2.error, MemoryError) as error:
        print(getattr(error, "err", None) or "too much memory is needed")
        sys.exit(REFUSED)

"""Finders of every kind as functions from a picture to what they find in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgefake.errors import InputError
from edgefake.faces import Face, FaceFinder, decode
from edgefake.faces.decode import Found
from edgefake.faces.edge import EdgeFinder, open_finder
from edgefake.faces.finders import Find
from edgefake.faces.haar import HaarFinder
from edgefake.faces.yunet import open_yunet, read_yunet
from edgefake.pixels import Pixels
from edgefake.preprocessing import to_float
from edgefake.text import printable

Search = Callable[[Pixels], Found]
"""From a picture (uint8, H×W×3, BGR) to its faces."""

STEP = decode.STRIDES[-1]
"""What the sides of an input are multiples of."""
LOWEST = 0.02
"""Scores below it are not looked at."""


def network_search(model: Any, *, min_score: float = LOWEST) -> Search:
    """Searching with a model of ``network.build`` (any input size)."""
    import tensorflow as tf

    run = tf.function(lambda image: model(image, training=False), input_signature=[tf.TensorSpec((1, None, None, 3), tf.float32)])

    def search(picture: Pixels) -> Found:
        height, width = picture.shape[:2]
        padded = cv2.copyMakeBorder(picture, 0, -height % STEP, 0, -width % STEP, cv2.BORDER_CONSTANT, value=(128, 128, 128))
        outputs = run(to_float(np.ascontiguousarray(padded[None, ..., ::-1])))
        by_name = {name: output.numpy()[0] for name, output in zip(decode.OUTPUTS, outputs, strict=True)}
        return decode.faces(by_name, *padded.shape[:2], min_score=min_score)

    return search


def yunet_search(model: Path, *, min_score: float = LOWEST) -> Search:
    """Searching with YuNet's ``.onnx`` through OpenCV. Raises ``InputError`` where it is none."""
    detector = open_yunet(read_yunet(model), min_score)

    def search(picture: Pixels) -> Found:
        detector.setInputSize(picture.shape[1::-1])
        rows = detector.detect(picture)[1]
        rows = np.zeros((0, 15), np.float32) if rows is None else rows
        rows = rows[np.argsort(-rows[:, 14], kind="stable")]
        kept = decode.one_each(rows[:, :4])
        return Found(rows[kept, :4], rows[kept, 14], rows[kept, 4:14].reshape(-1, 5, 2))

    return search


def device_search(finder: FaceFinder, find: Find = "full") -> Search:
    """Searching with a finder of edgefake, as ``predict`` or (``fast``) a stream does. Points are NaN where it gives none."""
    search = finder.find if find == "full" else getattr(finder, "find_fast", finder.find)
    return lambda picture: as_found(search(picture))


def named_search(name: str, *, min_score: float | None = LOWEST) -> Search:
    """Searching with ``haar``, or ``edge`` or ``edge:FILE``, with ``,fast`` behind it as a stream does. Loads LiteRT.

    From ``min_score`` on a box is a face; None: as its card says. Haar gives no scores, and takes all.
    """
    finder, _, find = name.partition(",")
    if finder == "haar" and not find:
        return device_search(HaarFinder())  # it gives no scores: all are 1
    kind, _, file = finder.partition(":")
    if kind != "edge" or find not in ("", "fast"):
        raise InputError(f"expected haar, edge or edge:FILE, with or without ,fast, got {printable(repr(name))}")
    edge = open_finder(file or None)
    return device_search(EdgeFinder(edge.card, edge.runtime, min_score=min_score), "fast" if find else "full")


def as_found(faces: list[Face]) -> Found:
    """Faces as arrays."""
    unknown = ((np.nan, np.nan),) * 5
    boxes = np.array([(f.box.x, f.box.y, f.box.width, f.box.height) for f in faces], np.float32).reshape(-1, 4)
    points = np.array([f.landmarks or unknown for f in faces], np.float32).reshape(-1, 5, 2)
    return Found(boxes, np.array([f.score for f in faces], np.float32), points)

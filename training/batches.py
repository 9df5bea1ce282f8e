"""Batches of face crops for Keras: read, varied and cropped in parallel (OpenCV releases the GIL); fixed by the seed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from edgefake.errors import InputError
from edgefake.faces.geometry import Box, CropMode, crop_square
from edgefake.images import read_image
from edgefake.pixels import Pixels
from edgefake.preprocessing import face_pixels
from edgefake.system import available_cores
from training.families import balanced, turns
from training.notes import note
from training.samples import Sample
from training.twins import side_by_side

if TYPE_CHECKING:
    import tensorflow as tf

Batch = tuple["tf.Tensor", "tf.Tensor"]
"""x float32 (batch, size, size, 3), RGB, in -1…127/128; y float32 (batch, 1), the class index."""


def sample_pixels(
    sample: Sample,
    *,
    size: int,
    margin: float,
    mode: CropMode = "inside",
    rng: np.random.Generator | None = None,
    augmentation: str = "standard",
) -> Pixels:
    """The face of one sample as the model sees it (uint8, size×size×3, RGB), varied at random when ``rng`` is given.

    Without ``rng`` a face that is made is always the same one.
    """
    frame = read_image(sample.path)
    if rng is None and not sample.self_blend and not sample.made:
        return face_pixels(frame, sample.box, size=size, margin=margin, mode=mode)
    # Loaded here: the processes that measure devices need no albumentations.
    from training.augment import augmented_face, face_region, reduced_region
    from training.pseudo import pseudo_fake
    from training.self_blend import self_blended

    region, box = face_region(frame, sample.box, margin, mode)
    if rng is not None:
        region, box = reduced_region(region, box, size=size)
    # Not rng itself: the variation is that of the face that the fake is made from.
    own_rng = rng.spawn(1)[0] if rng else np.random.default_rng(zlib.crc32(sample.path.name.encode()))
    if sample.self_blend:
        region = self_blended(region, box, sample.upright, own_rng)
    if sample.made:
        twin = None if sample.twin is None else face_region(read_image(sample.twin[0]), sample.twin[1], margin, mode)[0]
        region = pseudo_fake(region, sample.made, twin, own_rng)
    if rng is None:
        return face_pixels(region, box, size=size, margin=margin, mode=mode)
    return augmented_face(region, box, size=size, margin=margin, mode=mode, rng=rng, augmentation=augmentation)


def all_pixels(samples: Sequence[Sample], *, size: int, margin: float, mode: CropMode = "inside") -> Pixels:
    """The faces of all samples, unvaried: uint8, (N, size, size, 3), RGB."""
    with ThreadPoolExecutor(available_cores()) as pool:
        return np.stack(list(pool.map(lambda s: sample_pixels(s, size=size, margin=margin, mode=mode), samples)))


def training_batches(
    samples: Sequence[Sample],
    *,
    size: int,
    margin: float,
    batch: int,
    seed: int,
    epoch: int,
    mode: CropMode = "inside",
    augmentation: str = "standard",
    twins: bool = False,
) -> tf.data.Dataset:
    """One shuffled pass over ``samples`` in full batches, see ``Batch``; the same one for the same seed and epoch.

    Where they name families it is as long, but labels and families come alike often. With ``twins`` a fake and its real twin come
    together, varied alike (see ``training.twins``).
    """
    import tensorflow as tf  # loaded here: the processes that measure devices must not

    from training.augment import augmentation_named

    augmentation_named(augmentation)  # raises here rather than inside TensorFlow
    cv2.setNumThreads(1)  # one thread per picture; OpenCV's own threads would only compete with them
    labels = np.array([[sample.label] for sample in samples], np.float32)

    def pixels(index: np.int64, drawn_as: np.int64, turn: np.int64) -> Pixels:
        rng = np.random.default_rng((seed, epoch, int(drawn_as), int(turn)) if turn else (seed, epoch, int(drawn_as)))
        return sample_pixels(samples[index], size=size, margin=margin, mode=mode, rng=rng, augmentation=augmentation)

    def face(index: tf.Tensor, drawn_as: tf.Tensor, turn: tf.Tensor, label: tf.Tensor) -> Batch:
        varied = tf.numpy_function(pixels, [index, drawn_as, turn], tf.uint8)
        return tf.ensure_shape(varied, (size, size, 3)), label

    def scaled(faces: tf.Tensor, label: tf.Tensor) -> Batch:
        return (tf.cast(faces, tf.float32) - 128.0) / 128.0, label

    rng = np.random.default_rng((seed, epoch))
    order = balanced(samples, rng) if any(sample.family for sample in samples) else rng.permutation(len(samples))
    drawn_as, turn = order, turns(order)
    if twins:
        order, drawn_as, turn = side_by_side(samples, order, turn, rng)
    faces = tf.data.Dataset.from_tensor_slices((order, drawn_as, turn, labels[order]))
    faces = faces.map(face, num_parallel_calls=available_cores(), deterministic=True)
    return faces.batch(batch, drop_remainder=True).map(scaled).prefetch(2)


def readable(samples: Sequence[Sample]) -> list[Sample]:
    """``samples`` without those whose picture cannot be decoded or whose box lies outside it, which are named on stderr.

    Raises ``InputError`` when that leaves a class without any.
    """

    def fault(face: tuple[Path, Box]) -> str | None:
        path, box = face
        try:
            crop_square(read_image(path), box, 0.0)
        except InputError as error:
            return str(error) if str(path) in str(error) else f"{path}: {error}"
        return None

    needed = {sample: [(sample.path, sample.box), *([sample.twin] if sample.twin else [])] for sample in samples}
    faces = list(dict.fromkeys(face for several in needed.values() for face in several))
    with ThreadPoolExecutor(available_cores()) as pool:
        found = tqdm(pool.map(fault, faces), "checking pictures", len(faces), unit="picture", disable=None)
        faults = {face: message for face, message in zip(faces, found, strict=True) if message}
    note("picture(s) cannot be used: left out", list(faults.values()))
    kept = [sample for sample in samples if not any(face in faults for face in needed[sample])]
    lost = {sample.label for sample in samples} - {sample.label for sample in kept}
    if lost:
        raise InputError(f"no picture of class {min(lost)} can be used: {next(iter(faults.values()))}")
    return kept

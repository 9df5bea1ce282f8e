"""Batches of face crops for Keras: decoded, varied and scaled in threads (OpenCV releases the GIL); fixed by the seed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.images import read_image
from edgefake.preprocessing import face_pixels, to_float
from training.augment import augmented_face
from training.samples import Sample

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def sample_pixels(sample: Sample, *, size: int, margin: float, rng: np.random.Generator | None = None) -> npt.NDArray[np.uint8]:
    """The face of one sample as the model sees it (uint8, RGB), varied at random when ``rng`` is given."""
    frame = read_image(sample.path)
    if rng is None:
        return face_pixels(frame, sample.box, size=size, margin=margin)
    return augmented_face(frame, sample.box, size=size, margin=margin, rng=rng)


def all_pixels(samples: Sequence[Sample], *, size: int, margin: float) -> npt.NDArray[np.uint8]:
    """The faces of all samples, unvaried: uint8, (N, size, size, 3), RGB."""
    with ThreadPoolExecutor(_workers()) as pool:
        return np.stack(list(pool.map(lambda s: sample_pixels(s, size=size, margin=margin), samples)))


def training_batches(
    samples: Sequence[Sample], *, size: int, margin: float, batch: int, seed: int, epoch: int
) -> Iterator[Batch]:
    """One shuffled pass over ``samples`` in full batches: x float32 (batch, size, size, 3), y float32 (batch, 1)."""
    cv2.setNumThreads(1)  # one thread per picture; OpenCV's own threads would only compete with them
    order = np.random.default_rng((seed, epoch)).permutation(len(samples))
    chunks = [order[i : i + batch] for i in range(0, len(order) - batch + 1, batch)]

    def one(index: int) -> npt.NDArray[np.float32]:
        rng = np.random.default_rng((seed, epoch, index))
        return to_float(sample_pixels(samples[index], size=size, margin=margin, rng=rng))

    workers = _workers()
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[tuple[npt.NDArray[np.intp], list[Future[npt.NDArray[np.float32]]]]] = deque()
        waiting = iter(chunks)
        try:
            while True:
                while len(ahead) < 4 and (chunk := next(waiting, None)) is not None:
                    ahead.append((chunk, [pool.submit(one, int(i)) for i in chunk]))
                if not ahead:
                    return
                chunk, faces = ahead.popleft()
                labels = np.array([[samples[int(i)].label] for i in chunk], np.float32)
                yield np.stack([face.result() for face in faces]), labels
        finally:
            pool.shutdown(cancel_futures=True)


def _workers() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

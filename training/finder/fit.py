"""Training the face finder: a checkpoint every epoch, resumed by the same command."""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras
from tqdm import tqdm

from edgefake.errors import InputError
from edgefake.faces import decode
from edgefake.files import write_json
from edgefake.preprocessing import to_float
from edgefake.system import available_cores
from edgefake.text import printable
from training.finder.crops import Collection, Crop, crop
from training.finder.data import Photo, chosen, read_photos, readable
from training.finder.evaluate import average_precision, compare, judged
from training.finder.network import STEP, build, flat
from training.finder.runs import FinderRun, FinderState, last_checkpoint, open_run
from training.finder.searches import network_search
from training.finder.targets import PADDING, WEIGHTS, assign_batch, losses
from training.history import HISTORY, add_epoch
from training.lock import alone_in
from training.loop import keeping, save_checkpoint, save_model
from training.start import load_optimizer, load_weights

AHEAD = 3
"""Batches that are made while others are trained on."""
WARM_UP = 500
"""Steps in which the rate rises from 0."""
LAST_RATE = 0.01
"""The rate at the end, as a share of the first: a cosine in between (Loshchilov & Hutter 2017)."""
VALIDATED = 300
"""Validation pictures at most: an epoch is not to be spent on them."""
MISTAKEN = 0.3
"""Score from which a box in a picture without a face makes that picture harder than others."""
HARDEST = 4
"""More such boxes in one picture count no further."""
TOWERS = 2
"""Parts of a batch that are computed side by side."""
CLIP = 10.0
"""Greatest norm of a step's gradient: a batch of tiny faces can give a very long one."""


@dataclass(frozen=True, slots=True)
class FinderEpoch:
    """A line of ``history.csv``; the losses are unweighted means over the epoch."""

    epoch: int
    loss: float
    class_loss: float
    object_loss: float
    box_loss: float
    points_loss: float
    val_ap: float
    learning_rate: float
    seconds: float
    """Of this epoch, validation included."""


def fit_finder(run: FinderRun, folder: Path) -> FinderState:
    """Train ``run`` in ``folder``, or go on with it; ``folder/best.h5`` is the best.

    That is the one of the highest AP on validation pictures, at twice the side of the crops. Raises ``InputError`` when the
    folder holds another run or another process is at work there, and for data without a face.
    """
    if run.size % STEP:
        raise InputError(f"expected a size that is a multiple of {STEP}, got {run.size}")
    with alone_in(folder):
        state = open_run(run, folder)
        keras.utils.set_random_seed(run.seed + state.epoch)
        pictures = read_pictures(run)
        return train(_model(run, folder, state), run, folder, state, pictures, save=save_model)


@dataclass(frozen=True, slots=True)
class Pictures:
    """What a run is trained and validated on."""

    training: Collection
    validation: list[Photo]


def read_pictures(run: FinderRun) -> Pictures:
    """The pictures of a run that can be read. Raises ``InputError`` where none for training has a face."""
    folders = _folders(run)
    training = {data: readable(chosen(photos, "train")) for data, photos in folders.items()}
    validation = _validation(run, folders)
    if not any(photo.sure.any() for photos in training.values() for photo in photos):
        raise InputError(f"no picture for training in {', '.join(map(printable, folders))} has a face: give a folder that has")
    print(f"{sum(map(len, training.values()))} pictures to train on, {len(validation)} to validate on", flush=True)
    return Pictures(Collection([training[data] for data in run.data]), validation)


def validation_photos(run: FinderRun) -> list[Photo]:
    """What the run is validated on."""
    return _validation(run, _folders(run))


def _folders(run: FinderRun) -> dict[str, list[Photo]]:
    return {data: read_photos(Path(data)) for data in dict.fromkeys(run.data)}


def _validation(run: FinderRun, folders: Mapping[str, Sequence[Photo]]) -> list[Photo]:
    """At most ``VALIDATED`` pictures: of each folder its share of the training, so far as it has them, and each once."""
    shares = {data: run.data.count(data) * math.sqrt(len(photos)) for data, photos in folders.items()}
    pictures = []
    for data, photos in folders.items():
        if held_out := chosen(photos, "val"):
            pictures += held_out[:: math.ceil(len(held_out) * sum(shares.values()) / (VALIDATED * shares[data]))]
    return readable(pictures)


def train(
    model: Any,
    run: FinderRun,
    folder: Path,
    state: FinderState,
    pictures: Pictures,
    *,
    save: Callable[[Any, Path], None],
    keep_start: bool = False,
) -> FinderState:
    """Train the compiled ``model`` from ``state`` on; every epoch leaves ``last-*.h5``, and ``best.h5`` when it is the best.

    ``save`` writes a checkpoint; with ``keep_start`` the model as it comes is the first candidate for the best.
    """
    cv2.setNumThreads(1)  # one thread per crop
    step, search = training_step(model, run.size), network_search(model)
    if keep_start and not state.epoch:
        state = replace(state, best_ap=validated(search, pictures.validation, side=2 * run.size))
        save_checkpoint(model, folder / "best.h5", save)
        print(f"before training: validation AP {state.best_ap:.4f}", flush=True)
    while state.epoch < run.epochs:
        started = time.monotonic()
        pictures.training.hardness = hardness(search, pictures.training.empty, side=2 * run.size)
        sums, speed = _epoch(run, pictures.training, model, step, state.epoch)
        ap = validated(search, pictures.validation, side=2 * run.size)
        seconds = time.monotonic() - started
        state = replace(state, epoch=state.epoch + 1, seconds=state.seconds + seconds)
        means = {name: float(value) for name, value in sums.items()}
        total = sum(WEIGHTS[name] * value for name, value in means.items())
        parts = (means[name] for name in ("class", "object", "box", "points"))
        with keeping(folder / HISTORY):
            add_epoch(folder, FinderEpoch(state.epoch, total, *parts, ap, float(model.optimizer.learning_rate), seconds))
        if ap > state.best_ap:
            state = replace(state, best_ap=ap, best_epoch=state.epoch)
            save_checkpoint(model, folder / "best.h5", save)
        save_checkpoint(model, last_checkpoint(folder, state), save)
        with keeping(folder / "state.json"):
            write_json(folder / "state.json", asdict(state))
        best = f"best {state.best_ap:.4f} at {state.best_epoch}"
        print(
            f"epoch {state.epoch}: loss {total:.3f}, validation AP {ap:.4f} ({best}), {seconds:.0f} s, {speed:.1f} crops/s",
            flush=True,
        )
    return state


def _epoch(run: FinderRun, photos: Collection, model: Any, step: Any, epoch: int) -> tuple[dict[str, Any], float]:
    """(mean losses by name, crops per second)."""
    steps = run.crops // run.batch
    sums = dict.fromkeys(WEIGHTS, 0.0)
    started = time.monotonic()
    batches = tqdm(batches_of(photos, run, epoch), f"epoch {epoch + 1}", steps, unit="batch", disable=None, leave=False)
    for index, batch in enumerate(batches):
        model.optimizer.learning_rate.assign(rate(run, epoch * steps + index, run.epochs * steps))
        for name, value in step(*map(tf.constant, batch)).items():
            sums[name] += value / steps
    lost = [name for name, value in sums.items() if not np.isfinite(value)]
    if lost:
        raise InputError(f"the loss of {lost[0]} is no finite number in epoch {epoch + 1}: train with a lower --learning-rate")
    return sums, steps * run.batch / (time.monotonic() - started)


def rate(run: FinderRun, step: int, steps: int) -> float:
    """The learning rate at a step of ``steps``."""
    rising = min(1.0, (step + 1) / min(WARM_UP, max(1, steps // 5)))
    falling = (1 + math.cos(math.pi * step / steps)) / 2
    return run.learning_rate * rising * (LAST_RATE + (1 - LAST_RATE) * falling)


def training_step(model: Any, size: int) -> Any:
    """A step of training as a function of a batch (see ``stacked``); it returns the losses by name.

    The batch goes through the model in ``TOWERS`` parts at the same time, which took 0.6 and 0.9 of the time of one on two cores.
    """
    at = decode.cells(size, size)

    def tower(images: Any, boxes: Any, points: Any, kinds: Any) -> dict[str, Any]:
        values = flat(model(images, training=True))
        types = (tf.int32, tf.float32, tf.float32, tf.float32, tf.float32)
        assigned = tf.numpy_function(
            assign_batch, [tf.stop_gradient(values), boxes, points, kinds, size, size], types, stateful=False
        )
        shapes = ((None, 2), (None, 4), (None, 5, 2), (None,), (None, len(at)))
        assigned = [tf.ensure_shape(a, shape) for a, shape in zip(assigned, shapes, strict=True)]
        return losses(values, tf.constant(at), *assigned)

    def step(*batch: Any) -> dict[str, Any]:
        count = tf.shape(batch[0])[0]
        edges = [count * index // TOWERS for index in range(TOWERS + 1)]
        with tf.GradientTape() as tape:
            parts = [tower(*(array[i:j] for array in batch)) for i, j in itertools.pairwise(edges)]
            found = {name: tf.add_n([part[name] for part in parts]) / TOWERS for name in WEIGHTS}
            total = tf.add_n([WEIGHTS[name] * value for name, value in found.items()])
        gradients = tape.gradient(total, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, CLIP)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return found

    signature = [
        tf.TensorSpec((None, size, size, 3), tf.float32),
        tf.TensorSpec((None, None, 4), tf.float32),
        tf.TensorSpec((None, None, 5, 2), tf.float32),
        tf.TensorSpec((None, None), tf.int32),
    ]
    return tf.function(step, input_signature=signature)


def batches_of(photos: Collection, run: FinderRun, epoch: int) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """The batches of an epoch, see ``stacked``; the same ones for the same seed, made in parallel."""

    def one(index: int) -> Crop:
        return crop(photos, run.size, np.random.default_rng((run.seed, epoch, index)))

    with ThreadPoolExecutor(available_cores()) as pool:
        pending: deque[list[Any]] = deque()
        for start in range(0, run.crops - run.batch + 1, run.batch):
            pending.append([pool.submit(one, index) for index in range(start, start + run.batch)])
            if len(pending) > AHEAD:
                yield stacked([job.result() for job in pending.popleft()])
        while pending:
            yield stacked([job.result() for job in pending.popleft()])


def stacked(crops: Sequence[Crop]) -> tuple[npt.NDArray[Any], ...]:
    """A batch: images float32 (N, size, size, 3), ``(pixel - 128) / 128``; boxes (N, G, 4), points (N, G, 5, 2), kinds (N, G)."""
    most = max(len(c.kinds) for c in crops)
    boxes, points = np.ones((len(crops), most, 4), np.float32), np.zeros((len(crops), most, 5, 2), np.float32)
    kinds = np.full((len(crops), most), PADDING, np.int32)
    for row, made in enumerate(crops):
        count = len(made.kinds)
        boxes[row, :count], points[row, :count], kinds[row, :count] = made.boxes, made.points, made.kinds
    return to_float(np.stack([c.image for c in crops])), boxes, points, kinds


def validated(search: Any, photos: Sequence[Photo], *, side: int) -> float:
    """Average precision over ``photos`` at ``side`` pixels; 0 without faces in them."""
    pictures = []
    for photo in photos:
        picture, boxes = judged(photo, side)
        pictures.append(compare(search(picture), boxes, photo.sure))
    return average_precision(pictures) if any(p.given for p in pictures) else 0.0


def hardness(search: Any, faceless: Sequence[Photo], *, side: int) -> npt.NDArray[np.float64]:
    """How often each picture without a face is to be drawn: once, and once more for each box that is taken for a face in it."""
    found = [search(judged(photo, side)[0]) for photo in faceless]
    return np.array([1.0 + min(int((f.scores >= MISTAKEN).sum()), HARDEST) for f in found])


def finder_model(checkpoint: Path) -> Any:
    """The float model of a checkpoint, for any input size. Raises ``InputError`` where it is none."""
    model = build()
    load_weights(model, checkpoint)
    return model


def _model(run: FinderRun, folder: Path, state: FinderState) -> Any:
    model = build()
    model.compile(keras.optimizers.Adam(run.learning_rate))
    if state.epoch:
        load_weights(model, last_checkpoint(folder, state))
        load_optimizer(model, last_checkpoint(folder, state))
    elif run.weights != "none":
        load_weights(model, Path(run.weights))
    return model

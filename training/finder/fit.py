"""Training the face finder in float: a checkpoint every epoch, resumed by the same command."""

from __future__ import annotations

import math
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
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
from edgefake.files import write_json
from edgefake.preprocessing import to_float
from edgefake.system import available_cores
from edgefake.text import printable
from training.finder import decode
from training.finder.crops import Collection, Crop, crop
from training.finder.data import Photo, chosen, read_photos, readable
from training.finder.evaluate import average_precision, compare, judged, network_search
from training.finder.network import STEP, build
from training.finder.targets import PADDING, WEIGHTS, assign_batch, losses
from training.history import HISTORY, add_epoch
from training.lock import alone_in
from training.loop import keeping, save_checkpoint
from training.safe.records import read_record
from training.start import load_optimizer, load_weights

AHEAD = 3
"""Batches that are made while others are trained on."""
WARM_UP = 500
"""Steps in which the rate rises from 0."""
LAST_RATE = 0.01
"""The rate at the end, as a share of the first: a cosine in between (Loshchilov & Hutter 2017)."""
VALIDATED = 300
"""Validation pictures at most: an epoch is not to be spent on them."""
CLIP = 10.0
"""Greatest norm of a step's gradient: a batch of tiny faces can give a very long one."""


@dataclass(frozen=True, slots=True)
class FinderRun:
    """Everything that decides what a training run learns; ``run.json`` in its folder."""

    data: tuple[str, ...]
    """Folders or tables, see ``training.finder.data``."""
    size: int
    """Side of the training crops."""
    batch: int
    crops: int
    """Crops per epoch."""
    epochs: int
    learning_rate: float
    seed: int
    weights: str
    """A checkpoint to start from, or ``none``."""
    command: str


@dataclass(frozen=True, slots=True)
class FinderState:
    """How far a run got; ``state.json``."""

    epoch: int = 0
    best_ap: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0


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
        return _fit(run, folder)


def _fit(run: FinderRun, folder: Path) -> FinderState:
    state = _open(run, folder)
    keras.utils.set_random_seed(run.seed + state.epoch)
    cv2.setNumThreads(1)  # one thread per crop
    photos = [read_photos(Path(data)) for data in run.data]
    training = [readable(chosen(part, "train")) for part in photos]
    held_out = [photo for part in photos for photo in chosen(part, "val")]
    validation = readable(held_out[:: math.ceil(len(held_out) / VALIDATED) or 1])
    if not any(photo.sure.any() for part in training for photo in part):
        raise InputError(f"no picture for training in {', '.join(map(printable, run.data))} has a face: give a folder that has")
    print(f"{sum(map(len, training))} pictures to train on, {len(validation)} to validate on", flush=True)
    collection, model = Collection(training), _model(run, folder, state)
    step = training_step(model, run.size)
    search = network_search(model)
    while state.epoch < run.epochs:
        started = time.monotonic()
        sums, speed = _epoch(run, collection, model, step, state.epoch)
        ap = validated(search, validation, side=2 * run.size)
        seconds = time.monotonic() - started
        state = replace(state, epoch=state.epoch + 1, seconds=state.seconds + seconds)
        means = {name: float(value) for name, value in sums.items()}
        total = sum(WEIGHTS[name] * value for name, value in means.items())
        parts = (means[name] for name in ("class", "object", "box", "points"))
        with keeping(folder / HISTORY):
            add_epoch(folder, FinderEpoch(state.epoch, total, *parts, ap, float(model.optimizer.learning_rate), seconds))
        if ap > state.best_ap or not state.best_epoch:
            state = replace(state, best_ap=ap, best_epoch=state.epoch)
            save_checkpoint(model, folder / "best.h5", _save)
        save_checkpoint(model, _last(folder, state), _save)
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
    """A step of training as a function of a batch (see ``stacked``); it returns the losses by name."""
    at = decode.cells(size, size)

    def step(images: Any, boxes: Any, points: Any, kinds: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            values = decode.flat(model(images, training=True))
            types = (tf.int32, tf.float32, tf.float32, tf.float32, tf.float32)
            assigned = tf.numpy_function(
                assign_batch, [tf.stop_gradient(values), boxes, points, kinds, size, size], types, stateful=False
            )
            shapes = ((None, 2), (None, 4), (None, 5, 2), (None,), (None, len(at)))
            assigned = [tf.ensure_shape(a, shape) for a, shape in zip(assigned, shapes, strict=True)]
            found = losses(values, tf.constant(at), *assigned)
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


def finder_model(checkpoint: Path) -> Any:
    """The float model of a checkpoint, for any input size. Raises ``InputError`` where it is none."""
    model = build()
    load_weights(model, checkpoint)
    return model


def _model(run: FinderRun, folder: Path, state: FinderState) -> Any:
    model = build()
    model.compile(keras.optimizers.Adam(run.learning_rate))
    if state.epoch:
        load_weights(model, _last(folder, state))
        load_optimizer(model, _last(folder, state))
    elif run.weights != "none":
        load_weights(model, Path(run.weights))
    return model


def _save(model: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*HDF5 file.*legacy")  # the one format that QAT models survive too
        model.save(path)


def _last(folder: Path, state: FinderState) -> Path:
    """Two files in turn, so that one is whole while the other is being written."""
    return folder / f"last-{state.epoch % 2}.h5"


def _open(run: FinderRun, folder: Path) -> FinderState:
    """Start ``run`` in ``folder``, or find how far it got there."""
    try:
        earlier = read_record(folder / "run.json", FinderRun)
    except FileNotFoundError:
        earlier = run
    except InputError as error:
        raise InputError(f"{printable(folder)}/run.json is damaged or of another kind of run: {error}") from error
    if replace(earlier, command=run.command) != run and (folder / "state.json").exists():
        raise InputError(
            f"{printable(folder)} holds another run ({printable(earlier.command)}): give the same settings to resume it, or "
            "another folder"
        )
    with keeping(folder / "run.json"):
        write_json(folder / "run.json", asdict(run))
    try:
        return read_record(folder / "state.json", FinderState)
    except FileNotFoundError:
        return FinderState()
    except InputError as error:
        raise InputError(f"{printable(folder)}/state.json is damaged ({error}): start again in another folder") from error

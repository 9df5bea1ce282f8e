"""Where a model's weights start: at random, from ImageNet, or from a checkpoint."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile, is_zipfile

import numpy as np
import tf_keras as keras

from edgefake.errors import InputError
from edgefake.pixels import Pixels
from edgefake.preprocessing import to_float
from training.dequantized import load_dequantized
from training.recipes import RECIPES, recipe_named
from training.recipes.layers import take_weights
from training.safe.hdf5 import open_arrays
from training.safe.headers import model_name, unpack_weights

MOST_ARRAYS = 1 << 30
"""Bytes that published arrays may unpack to."""


def start(model: Any, weights: str, faces: Pixels) -> None:
    """Set the first weights of ``model``, as ``training.recipes.build`` made it.

    Args:
        weights: ``none``, ``imagenet``, a checkpoint of the whole model or of its features (any input size), published arrays of
            its features (``.npz``), or an INT8 ``.tflite`` of it that this project made, whose features are taken.
        faces: uint8 (N, size, size, 3), some training faces, to which features from elsewhere are adapted.

    Raises:
        InputError: no ImageNet weights for this architecture or no way to fetch them; no such checkpoint, or another one's.
    """
    if weights == "none":
        return
    features = keras.Model(model.input, _head_input(model), name=model.name)
    if weights == "imagenet":
        _load_imagenet(features)
    elif Path(weights).suffix == ".tflite":
        load_dequantized(features, Path(weights))
    elif Path(weights).suffix == ".npz":
        _load_published(features, Path(weights))
    else:
        try:
            load_weights(model, Path(weights))
            return
        except InputError:
            if not Path(weights).exists():
                raise
        _load_features(features, Path(weights))
    adapt_batch_norm(features, faces)


def _head_input(model: Any) -> Any:
    """The feature maps that a recipe's head takes."""
    first = "gap" if len(model.outputs) == 1 else "dropout"  # of a head that judges patches
    return model.get_layer(first).input


def _load_published(features: Any, path: Path) -> None:
    """Load arrays that others published (``.npz``) of this architecture."""
    load = recipe_named(features.name).published
    if load is None:
        raise InputError(f"no published arrays of {features.name} are known, got {path}: give --weights none or a checkpoint")
    try:
        with ZipFile(path) as file:
            large = sum(member.file_size for member in file.infolist()) > MOST_ARRAYS
        arrays = {} if large else _numbers(dict(np.load(path, allow_pickle=False)))
    except (OSError, ValueError, TypeError, RuntimeError, MemoryError, BadZipFile, zlib.error) as error:  # by the damage
        raise InputError(f"{path} is no file of arrays ({error}): get it again") from error
    if large:
        raise InputError(f"{path} unpacks to more than {MOST_ARRAYS >> 20} MB: expected the arrays of one network")
    load(features, arrays)


def _numbers(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``arrays``, all of finite numbers; ``ValueError`` where they are not."""
    for name, values in arrays.items():
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise ValueError(f"{name} holds something else than finite numbers")
    return arrays


def _load_features(features: Any, path: Path) -> None:
    """Load a backbone, or what a detector of this architecture has before a head for other classes."""
    try:
        load_weights(features, path)
    except InputError:
        whole = RECIPES[features.name].whole if features.name in RECIPES else None
        if whole is not None:
            network = whole()
            network = keras.Model(network.input, network.output, name=features.name)  # the name that an error tells
            load_weights(network, path)
            take_weights(features, network)
            return
        needed = {layer.name for layer in features.layers if layer.weights}
        with _told(features, path), open_arrays(path) as file:
            stored = set(file["model_weights"]) if "model_weights" in file else set()
        if not needed <= stored or model_name(path) != features.name:
            raise
        with _told(features, path):
            features.load_weights(path, by_name=True)


def load_weights(model: Any, path: Path) -> None:
    """Load the arrays of a checkpoint into ``model`` (any input size), whatever model they are said to be of.

    Raises ``InputError`` when they are of another architecture, or the file is damaged or leads to others.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a checkpoint in it, such as {path / 'best.h5'}")
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}: train first, or name another run")
    with _told(model, path), TemporaryDirectory() as folder:
        file = unpack_weights(path, Path(folder)) if is_zipfile(path) else path  # .keras
        with open_arrays(file):
            model.load_weights(file)


def load_optimizer(model: Any, path: Path) -> None:
    """Load the state of the optimizer from a checkpoint into the compiled ``model``; ``InputError`` as for ``load_weights``."""
    with _told(model, path), open_arrays(path) as file:
        group = file["optimizer_weights"]
        listed = ["weight_names", *(f"weight_names{part}" for part in range(len(group.attrs)))]  # in parts where it is long
        names = [name for key in listed if key in group.attrs for name in group.attrs[key]]
        model.optimizer.build(model.trainable_variables)
        model.optimizer.set_weights([np.asarray(group[name]) for name in names])


@contextmanager
def _told(model: Any, path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # what Keras and h5py raise depends on the damage
        raise InputError(f"{path} is no checkpoint of {model.name}: {(str(error) or repr(error)).splitlines()[0]}") from error


def adapt_batch_norm(features: Any, faces: Pixels) -> None:
    """Make every BatchNorm's moving statistics those of ``faces``, and change its gain and offset so that nothing else changes.

    Training normalises with the statistics of the batch. Where the moving ones are of other pictures, or were folded away
    (mean 0, variance 1), the first training step would meet another network than the one that was loaded.
    """
    norms = [layer for layer in features.layers if isinstance(layer, keras.layers.BatchNormalization)]
    probe = keras.Model(features.input, [norm.input for norm in norms])
    for norm, values in zip(norms, probe.predict_on_batch(to_float(faces)), strict=True):
        gamma, beta, mean, variance = norm.get_weights()
        axes = tuple(range(values.ndim - 1))
        new_mean, new_variance = values.mean(axes, dtype=np.float64), values.var(axes, dtype=np.float64)
        gain = gamma / np.sqrt(variance + norm.epsilon)
        norm.set_weights([gain * np.sqrt(new_variance + norm.epsilon), beta + gain * (new_mean - mean), new_mean, new_variance])


def _load_imagenet(features: Any) -> None:
    load = recipe_named(features.name).imagenet
    if load is None:
        raise InputError(f"Keras has no ImageNet weights of {features.name}: give --weights none or a checkpoint")
    try:
        load(features)
    except Exception as error:  # Keras reports a failed download as a bare Exception
        if "URL fetch failure" not in str(error):
            raise
        raise InputError(
            f"the ImageNet weights of {features.name} cannot be downloaded: connect this machine to the network, or give "
            "--weights none or the path of a checkpoint"
        ) from error

"""Opening a user's model file with the Keras that wrote it."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError

Outputs = npt.NDArray[np.float32]
SAVED_MODEL = (
    "save it as a SavedModel instead, which carries its own code: model.export(FOLDER), or model.save(FOLDER) in Keras 2"
)


@dataclass(frozen=True, slots=True)
class UserModel:
    """A loaded model."""

    path: Path
    call: Callable[[Any], Any]
    """From a float32 tensor (N, S, S, 3), in the scaling of its training, to its outputs (N, K) in inference."""
    size: int
    """S."""
    keras: Any = None
    """The Keras model of either version; None where only its computation is left (SavedModel)."""

    @property
    def name(self) -> str:
        """The file's name in letters, digits and underscores."""
        return re.sub(r"\W+", "_", self.path.stem).strip("_")

    def outputs(self, inputs: npt.NDArray[np.float32], batch: int = 64) -> Outputs:
        """Outputs (N, K), a batch at a time to bound memory."""
        chunks = [np.asarray(self.call(inputs[i : i + batch]), np.float32) for i in range(0, len(inputs), batch)]
        return np.concatenate(chunks).reshape(len(inputs), -1)


def open_model(path: Path, *, size: int | None = None, trust_code: bool = False) -> UserModel:
    """Load a ``.keras`` or ``.h5`` file of Keras 2 or 3, or a SavedModel folder.

    Args:
        size: side of the input, where the model leaves it open.
        trust_code: whether to load Lambda layers, whose Python code in the file is run.

    Raises:
        InputError: no such file, no whole model, code of its own, or an input that is no square of three colours.
    """
    if path.is_dir():
        return _saved_model(path, size)
    version, config = _header(path)
    if "Lambda" in _classes(config) and not trust_code:
        raise InputError(
            f"{path} holds Lambda layers, which are Python code that runs when the file is loaded: give --trust-code if you "
            "trust the file, or save the model without them"
        )
    if int(version.split(".")[0]) >= 3:
        import keras
    else:
        import tf_keras as keras
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=not trust_code)
    except Exception as error:  # what Keras raises depends on the layer and on the damage
        raise InputError(f"{path} cannot be loaded by Keras {keras.__version__} ({_cause(error)}): {SAVED_MODEL}") from error
    return _of_keras(path, model, size)


def _of_keras(path: Path, model: Any, size: int | None) -> UserModel:
    if isinstance(model.input_shape, list) or isinstance(model.output_shape, list):
        raise InputError(f"expected a detector with one input and one output, got {path} with several")
    return UserModel(path, lambda inputs: model(inputs, training=False), _side(path, model.input_shape, size), model)


def _saved_model(path: Path, size: int | None) -> UserModel:
    import tensorflow as tf

    if not (path / "saved_model.pb").exists():
        raise InputError(f"{path} holds no saved_model.pb: expected a .keras or .h5 file, or the folder of a SavedModel")
    if (path / "keras_metadata.pb").exists():
        import tf_keras

        model = tf_keras.models.load_model(path, compile=False)
        if getattr(model, "_is_graph_network", False):
            return _of_keras(path, model, size)
    loaded = tf.saved_model.load(str(path))
    function = loaded.signatures["serving_default"]
    ((key, taken),) = function.structured_input_signature[1].items()

    def call(inputs: Any, _keep: Any = loaded) -> Any:
        (outputs,) = function(**{key: tf.convert_to_tensor(inputs, taken.dtype)}).values()
        return outputs

    return UserModel(path, call, _side(path, tuple(taken.shape), size))


def _side(path: Path, shape: tuple[int | None, ...], size: int | None) -> int:
    """The side of the input (N, S, S, 3)."""
    fixed = {side for side in shape[1:3] if side is not None} | ({size} if size else set())
    if len(shape) != 4 or shape[3] != 3 or len(fixed) > 1:
        asked = f" at --size {size}" if size else ""
        raise InputError(f"expected a detector of square RGB or BGR pictures (N, S, S, 3), got {path} with input {shape}{asked}")
    if not fixed:
        raise InputError(f"{path} takes pictures of any size: say with --size which one it was trained on")
    return int(fixed.pop())


def _header(path: Path) -> tuple[str, Any]:
    """(version of Keras, configuration of the model) as the file states them."""
    import h5py

    if not path.exists():
        raise InputError(f"there is no model file {path}")
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            version, config = file.attrs.get("keras_version", "2"), file.attrs.get("model_config")
        if config is None:
            raise InputError(f"{path} holds weights without their architecture: save the whole model with model.save(PATH)")
        return _text(version), json.loads(config)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if {"metadata.json", "config.json"} <= set(archive.namelist()):
                return json.loads(archive.read("metadata.json"))["keras_version"], json.loads(archive.read("config.json"))
    raise InputError(
        f"{path} is no Keras model: expected a .keras or .h5 file that model.save(PATH) wrote, or a SavedModel folder"
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _classes(config: Any) -> Iterator[str]:
    """The class names in a model's configuration."""
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str):
            yield config["class_name"]
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _classes(item)


def _cause(error: Exception) -> str:
    """The part of Keras's message that says what is wrong."""
    text = str(error)
    unknown = re.search(r"Could not locate (?:class|function) '[^']+'|Unknown (?:layer|object): '[^']+'", text)
    return unknown.group(0) if unknown else f"{type(error).__name__}: {text.strip().splitlines()[0][:200]}"

"""Opening a user's model file with the Keras that wrote it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sized
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from training.safe.configs import check_config
from training.safe.headers import Header, check_header, read_header, unpack_weights
from training.safe.operations import check_saved_model

Outputs = npt.NDArray[np.float32]
SAVED_MODEL = "save it as a SavedModel, which carries its own code: model.export(FOLDER), or model.save(FOLDER) in Keras 2"


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
    batch: int = 64
    """How many pictures are given at a time: bounds memory, or is what the model takes."""

    @property
    def name(self) -> str:
        """The file's name in ASCII letters, digits and underscores."""
        return re.sub(r"\W+", "_", self.path.stem, flags=re.ASCII).strip("_") or "detector"

    def outputs(self, inputs: npt.NDArray[np.float32]) -> Outputs:
        """Outputs (N, K). Raises ``InputError`` where they are no numbers."""
        parts = [inputs[i : i + self.batch] for i in range(0, len(inputs), self.batch)]
        chunks = [np.asarray(self.call(part), np.float32) for part in parts]
        outputs = np.concatenate(chunks).reshape(len(inputs), -1)
        if not np.isfinite(outputs).all():
            raise InputError(f"{self.path} answers NaN or infinity: check --scaling, or train it again")
        return outputs


def open_model(path: Path, *, size: int | None = None, trust_code: bool = False) -> UserModel:
    """Load a ``.keras`` or ``.h5`` file of Keras 2 or 3, or a SavedModel folder.

    Nothing in it is run or imported: layers, functions and graph operations that are not known are refused (``training.safe``).

    Args:
        size: side of the input, where the model leaves it open.
        trust_code: whether to load Lambda layers, whose Python code in the file is run, and whatever else it brings.

    Raises:
        InputError: no such file, no whole model, code of its own, or an input that is no square of three colours.
    """
    header = check_model(path, trust_code=trust_code)
    if header is None:
        return _saved_model(path, size, trust_code)
    if header.version >= 3:
        import keras
    else:
        import tf_keras as keras
    if trust_code or header.hdf5:
        model = _opened(path, lambda: keras.models.load_model(path, compile=False, safe_mode=not trust_code), _remedy(header))
    else:
        model = _opened(path, lambda: _of_archive(path, header, keras), _remedy(header))
    return _of_keras(path, model, size, keras)


def check_model(path: Path, *, trust_code: bool = False) -> Header | None:
    """The header of the file at ``path``, None for a folder.

    Raises ``InputError`` as ``open_model`` does, as far as that needs no Keras.
    """
    if path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise InputError(f"{path} holds no saved_model.pb: expected a .keras or .h5 file, or the folder of a SavedModel")
        return None
    header = read_header(path)
    check_header(path, header, _remedy(header), trust_code=trust_code)
    return header


def _remedy(header: Header) -> str:
    return f"save it as .keras; or {SAVED_MODEL}" if header.hdf5 and header.version >= 3 else SAVED_MODEL


def _of_archive(path: Path, header: Header, keras: Any) -> Any:
    """The model of a ``.keras`` file, built from its configuration as it was checked, with its arrays."""
    model = keras.saving.deserialize_keras_object(header.config, safe_mode=True)
    if getattr(model, "inputs", None):
        with TemporaryDirectory() as folder:
            model.load_weights(unpack_weights(path, Path(folder)))
    return model


def _opened(path: Path, load: Callable[[], Any], remedy: str) -> Any:
    try:
        return load()
    except Exception as error:  # what Keras raises depends on the layer and on the damage
        raise InputError(f"{path} cannot be loaded ({_cause(error)}): {remedy}") from error


def _of_keras(path: Path, model: Any, size: int | None, keras: Any) -> UserModel:
    if not getattr(model, "inputs", None):  # Keras 3 has none before a Sequential is built
        raise InputError(f"{path} holds a {type(model).__name__} without a fixed input: {SAVED_MODEL}")
    _check_counts(path, model.inputs, model.outputs)
    _compute_in_float32(path, model)
    plain = keras.Model(model.inputs[0], model.outputs[0], name=model.name)  # that takes and gives tensors, no dictionaries
    shape = tuple(plain.inputs[0].shape)
    return UserModel(path, lambda pixels: plain(pixels, training=False), _side(path, shape, size), plain, shape[0] or 64)


def _compute_in_float32(path: Path, model: Any) -> None:
    """Let layers that were trained in half precision compute in float32, in which their weights are kept."""
    halves = [layer for layer in model._flatten_layers() if getattr(layer, "compute_dtype", "") in ("float16", "bfloat16")]
    for layer in halves:
        if hasattr(layer, "_set_dtype_policy"):  # Keras 2
            layer._set_dtype_policy("float32")
        else:
            layer.dtype_policy = "float32"
    if halves:
        print(
            f"note: {path} was trained in half precision: it is taken in float32, without the rounding of that", file=sys.stderr
        )


def _saved_model(path: Path, size: int | None, trust_code: bool) -> UserModel:
    import tensorflow as tf

    if not trust_code:
        check_saved_model(path)
    config = _layers_of(path)  # of Keras 2
    if config is not None:
        import tf_keras

        model = _opened(path, lambda: _of_variables(path, config, tf_keras), "save it again")
        return _of_keras(path, model, size, tf_keras)
    loaded = _opened(path, lambda: tf.saved_model.load(str(path)), "save it again")
    if "serving_default" not in loaded.signatures:
        raise InputError(f"{path} has no serving_default signature: save it with model.export(FOLDER)")
    return _of_signature(path, loaded, size)


def _layers_of(path: Path) -> dict[str, Any] | None:
    """The configuration of the model that Keras 2 saved in ``path``; None where it is no graph of layers that are known."""
    file = path / "keras_metadata.pb"
    if not file.is_file():
        return None
    from tf_keras.protobuf.saved_metadata_pb2 import SavedMetadata

    try:
        saved = SavedMetadata.FromString(file.read_bytes())
        (root,) = (node for node in saved.nodes if node.node_path == "root")
        metadata = json.loads(root.metadata)
        config = {"class_name": metadata["class_name"], "config": metadata["config"]}
        check_config(config)
    except Exception:  # damaged, or layers with code: what is left is a computation
        return None
    return config if config["class_name"] in ("Functional", "Sequential") else None


def _of_variables(path: Path, config: dict[str, Any], keras: Any) -> Any:
    """The model of a SavedModel of Keras 2, built from its configuration as it was checked, with its arrays."""
    model = keras.models.model_from_json(json.dumps(config))
    model.load_weights(path / "variables" / "variables").expect_partial().assert_existing_objects_matched()
    return model


def _of_signature(path: Path, loaded: Any, size: int | None) -> UserModel:
    import tensorflow as tf

    function = loaded.signatures["serving_default"]
    _check_counts(path, function.structured_input_signature[1], function.structured_outputs)
    ((key, taken),) = function.structured_input_signature[1].items()
    shape = tuple(taken.shape) if taken.shape.rank else ()
    side, batch = _side(path, shape, size), shape[0] or 64
    if taken.dtype != tf.float32:
        raise InputError(f"expected a detector that takes float32, got {path} that takes {taken.dtype.name}: save it for float32")

    def call(pixels: Any, _keep: Any = loaded) -> Any:
        (found,) = function(**{key: tf.convert_to_tensor(pixels, tf.float32)}).values()
        return found

    noise = tf.random.stateless_uniform((batch, side, side, 3), (0, 0), 0, 255)
    if not np.array_equal(call(noise), call(noise), equal_nan=True):
        raise InputError(
            f"{path} scores the same picture differently each time, because random layers are active in it, as Keras 3 exports "
            "them: give the .keras file, or export the model without them"
        )
    return UserModel(path, call, side, batch=batch)


def _check_counts(path: Path, inputs: Sized, outputs: Sized) -> None:
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(f"expected a detector with one input and one output, got {path} with {len(inputs)} and {len(outputs)}")


def _side(path: Path, shape: tuple[int | None, ...], size: int | None) -> int:
    """The side of the input (N, S, S, 3)."""
    fixed = {side for side in shape[1:3] if side is not None} | ({size} if size else set())
    if len(shape) != 4 or shape[0] not in (None, 1) or shape[3] != 3 or len(fixed) > 1:
        asked = f" at --size {size}" if size else ""
        raise InputError(
            f"expected a detector of square RGB or BGR pictures (None, S, S, 3), got {path} with input {shape}{asked}"
        )
    if not fixed:
        raise InputError(f"{path} takes pictures of any size: say with --size which one it was trained on")
    return int(fixed.pop())


def _cause(error: Exception) -> str:
    """The part of Keras's message that says what is wrong."""
    text = str(error).strip()
    unknown = re.search(r"Could not locate (?:class|function) '[^']+'|Unknown (?:layer|object): '[^']+'", text)
    if isinstance(error, InputError):
        return text
    return unknown.group(0) if unknown else f"{type(error).__name__}: {text.partition(chr(10))[0][:200]}"

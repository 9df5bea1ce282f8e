"""TFLite models through ai-edge-litert, tflite-runtime or TensorFlow's interpreter, with the XNNPACK delegate."""

from __future__ import annotations

import importlib
import logging
import threading
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.card_files import check_model
from edgefake.errors import BackendError, ModelFileError
from edgefake.model_card import ModelCard, Scaling

_log = logging.getLogger(__name__)

# (distribution, module, attribute), best first
_INTERPRETERS = (
    ("ai-edge-litert", "ai_edge_litert.interpreter", "Interpreter"),
    ("tflite-runtime", "tflite_runtime.interpreter", "Interpreter"),
    ("tensorflow", "tensorflow", "lite.Interpreter"),
)


def open_model(path: Path, card: ModelCard, num_threads: int) -> TFLiteRuntime:
    """Load the ``.tflite`` file at ``path``. Raises ``BackendError`` or ``ModelFileError``."""
    loaded, name = load(path, num_threads)
    return TFLiteRuntime(loaded, name, path, card)


def load(path: Path, num_threads: int) -> tuple[Any, str]:
    """An interpreter of the file, and its name for people. Raises ``BackendError`` or ``ModelFileError``."""
    interpreter, name = _find_interpreter()
    check_model(path)
    try:
        loaded = interpreter(model_path=str(path), num_threads=num_threads)
        loaded.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"{path} cannot be loaded by {name}: {str(error).strip().splitlines()[0]}") from error
    return loaded, name


class Ends:
    """The one input and the one output of a ``.tflite`` model, and how numbers enter and leave them.

    Raises ``ModelFileError`` where the file has others than the card says.
    """

    def __init__(self, interpreter: Any, path: Path, card: ModelCard) -> None:
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        size = card.input_size
        if len(inputs) != 1 or list(inputs[0]["shape"]) != [1, size, size, 3]:
            shapes = ", ".join(str(list(map(int, i["shape"]))) for i in inputs)
            raise ModelFileError(f"{path} takes input {shapes}, its card says one input of [1, {size}, {size}, 3]")
        if len(outputs) != 1 or int(np.prod(outputs[0]["shape"][1:])) != card.outputs:
            shapes = ", ".join(str(list(map(int, o["shape"]))) for o in outputs)
            raise ModelFileError(
                f"{path} gives output {shapes}, expected [1, {card.outputs}]: its card says {card.output!r} "
                f"of {', '.join(card.classes)}"
            )
        self._card = card
        self.input_shape = (1, size, size, 3)
        self.input, self.output = inputs[0]["index"], outputs[0]["index"]
        self.encode = InputEncoder(inputs[0]["dtype"], inputs[0]["quantization"], card.scaling)
        self._scale, self._zero_point = outputs[0]["quantization"]
        if np.issubdtype(outputs[0]["dtype"], np.integer) and self._scale <= 0:
            raise ModelFileError(f"{path} has an integer output without a quantization scale: convert it again with one")

    def decode(self, tensor: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The card's ``one_output`` (N,) of the output tensor."""
        raw = tensor.ravel().tolist()
        if self._scale:  # 0 in a float model
            raw = [(value - self._zero_point) * self._scale for value in raw]
        return self._card.one_output(np.array(raw, np.float32).reshape(-1, self._card.outputs))


class TFLiteRuntime:
    """One interpreter behind a lock. See ``edgefake.runtimes.Runtime``."""

    def __init__(self, interpreter: Any, name: str, path: Path, card: ModelCard) -> None:
        ends = Ends(interpreter, path, card)
        self.name = f"tflite ({name})"
        self.input_shape = ends.input_shape
        self._interpreter: Any = interpreter
        self._input, self._output = ends.input, ends.output
        self._encode, self._decode = ends.encode, ends.decode
        self._batch = 1
        self._one_by_one = False
        self._lock = threading.Lock()

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with self._lock:
            if self._interpreter is None:
                raise BackendError("this model is closed: make a new Detector")
            if self._takes(len(pixels)):
                return self._invoke(pixels)
            return np.concatenate([self._invoke(face) for face in pixels[:, None]])

    def close(self) -> None:
        with self._lock:
            self._interpreter = None

    def _takes(self, batch: int) -> bool:
        """Make room for ``batch`` faces (0.1 ms); or for one, where the graph has a batch of one written into it."""
        if batch == self._batch:
            return True
        if self._one_by_one:
            return False
        try:
            self._resize(batch)
        except RuntimeError:
            self._one_by_one = True
            self._resize(1)
        return not self._one_by_one

    def _resize(self, batch: int) -> None:
        self._interpreter.resize_tensor_input(self._input, [batch, *self.input_shape[1:]])
        self._interpreter.allocate_tensors()
        self._batch = batch

    def _invoke(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        # tensor() gives a view of the interpreter's own buffer; it must be gone before the next invoke or resize.
        self._encode(pixels, self._interpreter.tensor(self._input)())
        self._interpreter.invoke()
        return self._decode(self._interpreter.get_tensor(self._output))


class InputEncoder:
    """Writes pixels into an input tensor of any type, scaling and quantization.

    A pixel has 256 values, so scaling and quantization are one table. Where that table is ``pixel - 128`` (every INT8 model
    of this project) it is not needed: the int8 tensor is the pixels with their top bit flipped.
    """

    def __init__(self, dtype: Any, quantization: tuple[float, int], scaling: Scaling) -> None:
        values = (np.arange(256, dtype=np.float64) - scaling.offset) / scaling.scale
        if np.issubdtype(dtype, np.integer):
            scale, zero_point = quantization
            if scale <= 0:
                raise ModelFileError("the model's integer input has no quantization scale: convert it again with one")
            limits = np.iinfo(dtype)
            values = np.clip(np.round(values / scale) + zero_point, limits.min, limits.max)
        self._table = values.astype(dtype)
        self.flips_top_bit = dtype == np.int8 and bool(np.all(self._table == np.arange(256) - 128))

    def __call__(self, pixels: npt.NDArray[np.uint8], tensor: npt.NDArray[Any]) -> None:
        """Encode ``pixels`` (uint8) into ``tensor`` (same shape), without a copy between."""
        if self.flips_top_bit:
            np.bitwise_xor(pixels, np.uint8(0x80), out=tensor.view(np.uint8))
        else:
            np.take(self._table, pixels, out=tensor, mode="clip")  # "raise" would write through a buffer


def _find_interpreter() -> tuple[Any, str]:
    for distribution, module, attribute in _INTERPRETERS:
        try:
            found: Any = importlib.import_module(module)
        except ImportError:
            continue
        for part in attribute.split("."):
            found = getattr(found, part)
        if distribution == "tflite-runtime":
            _log.warning("using tflite-runtime, whose INT8 kernels are 8 to 47 times slower: pip install ai-edge-litert")
        return found, f"{distribution} {_version(distribution)}"
    raise BackendError("no TFLite interpreter is installed: pip install ai-edge-litert")


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:  # slim images and frozen programs may come without
        return "of unknown version"

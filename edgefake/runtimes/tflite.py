"""TFLite models through ai-edge-litert, tflite-runtime or TensorFlow's interpreter, with the XNNPACK delegate."""

from __future__ import annotations

import importlib
import logging
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.errors import BackendError, ModelFileError
from edgefake.files import plain_path
from edgefake.models.card import ModelCard
from edgefake.models.card_files import check_model
from edgefake.runtimes.forks import Native
from edgefake.runtimes.inputs import InputEncoder, find_layout, layouts_of
from edgefake.runtimes.quiet import quiet

_log = logging.getLogger(__name__)

# (distribution, module, attribute), best first
_INTERPRETERS = (
    ("ai-edge-litert", "ai_edge_litert.interpreter", "Interpreter"),
    ("tflite-runtime", "tflite_runtime.interpreter", "Interpreter"),
    ("tensorflow", "tensorflow", "lite.Interpreter"),
)


def open_model(path: Path, card: ModelCard, num_threads: int) -> TFLiteRuntime:
    """Load the ``.tflite`` file at ``path``. Raises ``BackendError`` or ``ModelFileError``."""
    return TFLiteRuntime(path, card, num_threads)


def load(path: Path, num_threads: int) -> tuple[Any, str]:
    """An interpreter of the file, and its name for people. Raises ``BackendError`` or ``ModelFileError``."""
    interpreter, name = _find_interpreter()
    check_model(path)
    try:
        with quiet(), plain_path(path) as name_in_c:
            loaded = interpreter(model_path=name_in_c, num_threads=num_threads)
            loaded.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise _cannot("loaded", path, name, error) from error
    return loaded, name


class Ends:
    """The one input and the one output of a ``.tflite`` model, and how numbers enter and leave them.

    Raises ``ModelFileError`` where the file has others than the card says.
    """

    def __init__(self, interpreter: Any, path: Path, card: ModelCard) -> None:
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        shapes = [list(map(int, i["shape"])) for i in inputs]
        layout = find_layout(shapes[0], card.input_size) if len(shapes) == 1 else None
        if layout is None or shapes[0][0] != 1:
            raise ModelFileError(
                f"{path} takes input {', '.join(map(str, shapes))}, its card says one input of {layouts_of(card.input_size, 1)}"
            )
        if len(outputs) != 1 or int(np.prod(outputs[0]["shape"][1:])) != card.outputs:
            shapes = [list(map(int, o["shape"])) for o in outputs]
            raise ModelFileError(
                f"{path} gives output {', '.join(map(str, shapes))}, expected [1, {card.outputs}]: its card says {card.output!r} "
                f"of {', '.join(card.classes)}"
            )
        self._card = card
        self.layout = layout
        self.input, self.output = inputs[0]["index"], outputs[0]["index"]
        bgr = card.colour_order == "BGR"
        self.encode = InputEncoder(inputs[0]["dtype"], inputs[0]["quantization"], card.scaling, layout, bgr=bgr)
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

    def __init__(self, path: Path, card: ModelCard, num_threads: int) -> None:
        self._native = Native(path, card, lambda path: _Interpreter(path, card, num_threads))
        assert self._native.value is not None
        self.name = f"tflite ({self._native.value.name})"
        self.input_shape = (1, card.input_size, card.input_size, 3)

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with self._native.lock:
            return (self._native.value or self._native.again()).run(pixels)

    def close(self) -> None:
        self._native.close()


class _Interpreter:
    """An interpreter that takes any number of faces; not for several threads at once."""

    def __init__(self, path: Path, card: ModelCard, num_threads: int) -> None:
        self.interpreter, self.name = load(path, num_threads)
        self._path, self._outputs = path, card.outputs
        ends = Ends(self.interpreter, path, card)
        self._face = ends.layout.shape
        self._input, self._output = ends.input, ends.output
        self.encode, self._decode = ends.encode, ends.decode
        self._batch = 1
        self._one_by_one = False

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if self._takes(len(pixels)):
            return self._invoke(pixels)
        return np.concatenate([self._invoke(face) for face in pixels[:, None]])

    def _takes(self, batch: int) -> bool:
        """Make room for ``batch`` faces (0.1 ms); or for one, where the graph has a batch of one written into it."""
        if batch == self._batch:
            return True
        if self._one_by_one:
            return False
        try:
            self._resize(batch)
            answers = int(np.prod(self.interpreter.get_output_details()[0]["shape"]))
        except RuntimeError:
            answers = 0
        if answers != batch * self._outputs:  # or one for all faces together
            self._one_by_one = True
            self._resize(1)
        return not self._one_by_one

    def _resize(self, batch: int) -> None:
        self.interpreter.resize_tensor_input(self._input, [batch, *self._face])
        self.interpreter.allocate_tensors()
        self._batch = batch

    def _invoke(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        # tensor() gives a view of the interpreter's own buffer; it must be gone before the next invoke or resize.
        self.encode(pixels, self.interpreter.tensor(self._input)())
        try:
            self.interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise _cannot("run", self._path, self.name, error) from error
        return self._decode(self.interpreter.get_tensor(self._output))


def _cannot(what: str, path: Path, name: str, error: Exception) -> ModelFileError:
    reason = str(error).strip().splitlines()[0]
    if "edgetpu-custom-op" in reason:
        return ModelFileError(f"{path} is compiled for a Coral Edge TPU: give the .tflite file that edgetpu_compiler was given")
    return ModelFileError(f"{path} cannot be {what} by {name}: {reason}")


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

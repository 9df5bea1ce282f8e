"""TFLite models through ai-edge-litert, tflite-runtime or TensorFlow's interpreter, with the XNNPACK delegate."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from edgefake.errors import BackendError, ModelFileError
from edgefake.files import plain_path
from edgefake.models.file import ModelFile
from edgefake.pixels import Pixels
from edgefake.runtimes import Outputs
from edgefake.runtimes.forks import Native
from edgefake.runtimes.inputs import encoder_for, find_layout, layouts_of
from edgefake.runtimes.outputs import OutputDecoder, joined, of_one
from edgefake.runtimes.quiet import quiet
from edgefake.runtimes.spec import InputSpec

_log = logging.getLogger(__name__)

# (distribution, module, attribute), best first
_INTERPRETERS = (
    ("ai-edge-litert", "ai_edge_litert.interpreter", "Interpreter"),
    ("tflite-runtime", "tflite_runtime.interpreter", "Interpreter"),
    ("tensorflow", "tensorflow", "lite.Interpreter"),
)


def open_model(file: ModelFile, spec: InputSpec, device: str | int | None, num_threads: int) -> TFLiteRuntime:
    """Load the ``.tflite`` file. Raises ``BackendError`` or ``ModelFileError``."""
    if device is not None:
        raise BackendError(f"expected no device for tflite, got {device!r}: leave it out, or take another runtime")
    return TFLiteRuntime(file, spec, num_threads)


def load(path: Path, num_threads: int) -> tuple[Any, str]:
    """An interpreter of the file, and its name for people. Raises ``BackendError`` or ``ModelFileError``."""
    interpreter, name = _find_interpreter()
    try:
        with quiet(), plain_path(path) as name_in_c:
            loaded = interpreter(model_path=name_in_c, num_threads=num_threads)
            loaded.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise _cannot("loaded", path, name, error) from error
    return loaded, name


class Ends:
    """The one input and the outputs of a ``.tflite`` model, and how numbers enter and leave them.

    Raises ``ModelFileError`` where the file takes something else than ``spec`` says.
    """

    def __init__(self, interpreter: Any, path: Path, spec: InputSpec) -> None:
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        shapes = [list(map(int, i["shape"])) for i in inputs]
        layout = find_layout(shapes[0], spec.height, spec.width) if len(shapes) == 1 else None
        if layout is None or shapes[0][0] != 1:
            raise ModelFileError(
                f"expected one input of {layouts_of(spec, 1)}, as the card says, got {', '.join(map(str, shapes))} in {path}"
            )
        self.layout = layout
        self.input: int = inputs[0]["index"]
        self.encode = encoder_for(inputs[0]["dtype"], inputs[0]["quantization"], layout, spec)
        self.outputs = tuple(
            Output(o["index"], o["name"], tuple(map(int, o["shape"])), OutputDecoder(o["dtype"], o["quantization"]))
            for o in outputs
        )


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a ``.tflite`` model."""

    index: int
    name: str
    shape: tuple[int, ...]
    """For one picture."""
    decode: OutputDecoder


class TFLiteRuntime:
    """One interpreter behind a lock. See ``edgefake.runtimes.Runtime``."""

    def __init__(self, file: ModelFile, spec: InputSpec, num_threads: int) -> None:
        self._native = Native(file, lambda path: _Interpreter(path, spec, num_threads))
        assert self._native.value is not None
        self.name = f"tflite ({self._native.value.name})"

    def run(self, pixels: Pixels) -> Outputs:
        with self._native.lock:
            return (self._native.value or self._native.again()).run(pixels)

    def close(self) -> None:
        self._native.close()

    @property
    def interpreter(self) -> Any:
        """LiteRT's own, for measurements; not while another thread is in ``run``."""
        with self._native.lock:
            return (self._native.value or self._native.again()).interpreter


class _Interpreter:
    """An interpreter that takes any number of pictures; not for several threads at once."""

    def __init__(self, path: Path, spec: InputSpec, num_threads: int) -> None:
        self.interpreter, self.name = load(path, num_threads)
        self._path = path
        ends = Ends(self.interpreter, path, spec)
        self._picture, self._input, self.encode = ends.layout.shape, ends.input, ends.encode
        self._outputs = ends.outputs
        self._view = self.interpreter.tensor(ends.input)
        self._batch = 1
        self._one_by_one = any(output.shape[:1] != (1,) for output in ends.outputs)  # it has no axis for several

    def run(self, pixels: Pixels) -> Outputs:
        if len(pixels) == self._batch or self._takes(len(pixels)):
            return self._invoke(pixels)
        return joined([self._invoke(one) for one in pixels[:, None]])

    def _takes(self, batch: int) -> bool:
        """Make room for ``batch`` pictures (0.1 ms); or for one, where the graph has a batch of one written into it."""
        if self._one_by_one:
            return False
        try:
            self._resize(batch)
            answers = [tuple(map(int, o["shape"])) for o in self.interpreter.get_output_details()]
        except RuntimeError:
            answers = []
        if answers != [(batch, *output.shape[1:]) for output in self._outputs]:  # or one for all pictures together
            self._one_by_one = True
            self._resize(1)
        return not self._one_by_one

    def _resize(self, batch: int) -> None:
        self.interpreter.resize_tensor_input(self._input, [batch, *self._picture])
        self.interpreter.allocate_tensors()
        self._batch = batch

    def _invoke(self, pixels: Pixels) -> Outputs:
        # _view() gives a view of the interpreter's own buffer; it must be gone before the next invoke or resize.
        self.encode(pixels, self._view())
        try:
            self.interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise _cannot("run", self._path, self.name, error) from error
        outputs = tuple([output.decode(self.interpreter.get_tensor(output.index)) for output in self._outputs])
        return tuple(map(of_one, outputs)) if self._one_by_one else outputs


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

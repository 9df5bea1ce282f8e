"""TFLite and ONNX models through OpenVINO, which on some x86-64 processors is faster at INT8 than LiteRT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.errors import BackendError, ModelFileError
from edgefake.files import plain_path
from edgefake.models.card import ModelCard
from edgefake.models.card_files import check_model
from edgefake.runtimes.forks import Native, not_after_fork
from edgefake.runtimes.onnx import End, OnnxEnds
from edgefake.runtimes.tflite import Ends, load


def open_model(path: Path, card: ModelCard, num_threads: int) -> OpenVinoRuntime:
    """Load the ``.tflite`` or ``.onnx`` file at ``path`` on the CPU. Raises ``BackendError`` or ``ModelFileError``."""
    try:
        import openvino
    except ImportError as error:
        raise BackendError("openvino is not installed: pip install 'edgefake[openvino]'") from error
    version = openvino.__version__.partition("-")[0]
    return OpenVinoRuntime(path, card, f"openvino (OpenVINO {version}, CPU)", lambda path: _load(path, card, num_threads))


def _load(path: Path, card: ModelCard, num_threads: int) -> _Request:
    import openvino

    not_after_fork("OpenVINO")
    check_model(path)
    options = {
        "INFERENCE_NUM_THREADS": num_threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # else what is float in a model runs in bfloat16 where the processor has it
    }
    try:
        core = openvino.Core()
        with plain_path(path) as name:
            model = core.read_model(name)
        ends = (_onnx_ends if path.suffix == ".onnx" else _tflite_ends)(model, path, card)
        model.reshape([1, *ends.face])
        if any(output.partial_shape.rank == 0 for output in model.outputs):  # the compiler crashes on it
            raise ModelFileError(f"{path} gives a number without a shape ([]), which OpenVINO does not take: use another backend")
        compiled = core.compile_model(model, "CPU", options)
    except RuntimeError as error:
        raise _cannot("loaded", path, error) from error
    return _Request(compiled.create_infer_request(), ends, path)


class OpenVinoRuntime:
    """One request behind a lock, which takes one face at a time. See ``edgefake.runtimes.Runtime``."""

    def __init__(self, path: Path, card: ModelCard, name: str, load: Callable[[Path], _Request]) -> None:
        self.name = name
        self.input_shape = (1, card.input_size, card.input_size, 3)
        self._native = Native(path, card, load)

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with self._native.lock:
            request = self._native.value or self._native.again()
            return np.concatenate([request.run(face) for face in pixels[:, None]])

    def close(self) -> None:
        self._native.close()


@dataclass(frozen=True, slots=True)
class _Ends:
    """How pixels get into the input tensor, and ``one_output`` (N,) out of the output tensor."""

    face: tuple[int, int, int]
    """Shape of one face in the input tensor."""
    encode: Callable[[npt.NDArray[np.uint8], npt.NDArray[Any]], object]
    decode: Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class _Request:
    """What OpenVINO has compiled."""

    request: Any
    ends: _Ends
    path: Path

    def run(self, face: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.ends.encode(face, self.request.get_input_tensor().data)
        try:
            self.request.infer()
        except RuntimeError as error:
            raise _cannot("run", self.path, error) from error
        return self.ends.decode(self.request.get_output_tensor().data)


def _tflite_ends(model: Any, path: Path, card: ModelCard) -> _Ends:
    """LiteRT reads what OpenVINO does not tell: the quantization of input and output."""
    ends = Ends(load(path, 1)[0], path, card)
    return _Ends(ends.layout.shape, ends.encode, ends.decode)


def _onnx_ends(model: Any, path: Path, card: ModelCard) -> _Ends:
    ends = OnnxEnds([_end(i) for i in model.inputs], [_end(o) for o in model.outputs], path, card)
    return _Ends(ends.layout.shape, ends.encode, lambda tensor: ends.decode(tensor.copy(), 1))


def _end(end: Any) -> End:
    kind = {"u8": "uint8", "f16": "float16", "f32": "float32"}.get(end.element_type.to_string(), end.element_type.to_string())
    return End(kind, [d.get_length() if d.is_static else None for d in end.partial_shape])


def _cannot(what: str, path: Path, error: Exception) -> ModelFileError:
    return ModelFileError(f"{path} cannot be {what} by OpenVINO: {str(error).strip().splitlines()[-1]}")

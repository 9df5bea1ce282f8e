"""TFLite and ONNX models through OpenVINO, which on some x86-64 processors is faster at INT8 than LiteRT."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.card_files import check_model
from edgefake.errors import BackendError, ModelFileError
from edgefake.model_card import ModelCard
from edgefake.runtimes.tflite import Ends, load


def open_model(path: Path, card: ModelCard, num_threads: int) -> OpenVinoRuntime:
    """Load the ``.tflite`` or ``.onnx`` file at ``path`` on the CPU. Raises ``BackendError`` or ``ModelFileError``."""
    try:
        import openvino
    except ImportError as error:
        raise BackendError("openvino is not installed: pip install 'edgefake[openvino]'") from error
    check_model(path)
    version = openvino.__version__.partition("-")[0]
    options = {
        "INFERENCE_NUM_THREADS": num_threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # else what is float in a model runs in bfloat16 where the processor has it
    }
    try:
        core = openvino.Core()
        model = core.read_model(str(path))
        ends = (_onnx_ends if path.suffix == ".onnx" else _tflite_ends)(model, path, card)
        model.reshape([1, card.input_size, card.input_size, 3])
        compiled = core.compile_model(model, "CPU", options)
    except RuntimeError as error:
        raise ModelFileError(f"{path} cannot be loaded by OpenVINO {version}: {str(error).strip().splitlines()[-1]}") from error
    return OpenVinoRuntime(compiled.create_infer_request(), f"openvino (OpenVINO {version}, CPU)", ends, card)


class OpenVinoRuntime:
    """One request behind a lock, which takes one face at a time. See ``edgefake.runtimes.Runtime``."""

    def __init__(self, request: Any, name: str, ends: _Ends, card: ModelCard) -> None:
        self.name = name
        self.input_shape = (1, card.input_size, card.input_size, 3)
        self._request: Any = request
        self._ends = ends
        self._lock = threading.Lock()

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with self._lock:
            if self._request is None:
                raise BackendError("this model is closed: make a new Detector")
            return np.concatenate([self._infer(face) for face in pixels[:, None]])

    def close(self) -> None:
        with self._lock:
            self._request = None

    def _infer(self, face: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self._ends.encode(face, self._request.get_input_tensor().data)
        self._request.infer()
        return self._ends.decode(self._request.get_output_tensor().data)


@dataclass(frozen=True, slots=True)
class _Ends:
    """How pixels get into the input tensor, and ``one_output`` (N,) out of the output tensor."""

    encode: Callable[[npt.NDArray[np.uint8], npt.NDArray[Any]], object]
    decode: Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]


def _tflite_ends(model: Any, path: Path, card: ModelCard) -> _Ends:
    """LiteRT reads what OpenVINO does not tell: the quantization of input and output."""
    ends = Ends(load(path, 1)[0], path, card)
    return _Ends(ends.encode, ends.decode)


def _onnx_ends(model: Any, path: Path, card: ModelCard) -> _Ends:
    """Those of ``python -m convert onnx``, which has scaling and quantization inside."""
    size = card.input_size
    ends = *model.inputs, *model.outputs
    given = [(*map(str, list(end.partial_shape)[1:]), end.element_type.to_string()) for end in ends]
    if given != [(str(size), str(size), "3", "u8"), (str(card.outputs), "f32")]:
        raise ModelFileError(
            f"{path} has the ends {given}, expected uint8 [N, {size}, {size}, 3] in and float32 [N, {card.outputs}] out: "
            "make it with python -m convert onnx"
        )
    return _Ends(lambda pixels, tensor: np.copyto(tensor, pixels), lambda tensor: card.one_output(tensor.copy()))

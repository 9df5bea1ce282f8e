"""TFLite models through OpenVINO, which on some x86-64 processors is faster at INT8 than LiteRT."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.errors import BackendError, ModelFileError
from edgefake.model_card import ModelCard
from edgefake.runtimes.tflite import Ends, load


def open_model(path: Path, card: ModelCard, num_threads: int) -> OpenVinoRuntime:
    """Load the ``.tflite`` file at ``path`` on the CPU. Raises ``BackendError`` or ``ModelFileError``."""
    try:
        import openvino
    except ImportError as error:
        raise BackendError("openvino is not installed: pip install 'edgefake[openvino]'") from error
    # LiteRT reads what OpenVINO does not tell: the quantization of input and output. It also refuses files that are no model.
    ends = Ends(load(path, 1)[0], path, card)
    version = openvino.__version__.partition("-")[0]
    options = {
        "INFERENCE_NUM_THREADS": num_threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # else what is float in a model runs in bfloat16 where the processor has it
    }
    try:
        core = openvino.Core()
        model = core.read_model(str(path))
        model.reshape(list(ends.input_shape))
        compiled = core.compile_model(model, "CPU", options)
    except RuntimeError as error:
        raise ModelFileError(f"{path} cannot be loaded by OpenVINO {version}: {str(error).strip().splitlines()[-1]}") from error
    return OpenVinoRuntime(compiled.create_infer_request(), f"openvino (OpenVINO {version}, CPU)", ends)


class OpenVinoRuntime:
    """One request behind a lock, which takes one face at a time. See ``edgefake.runtimes.Runtime``."""

    def __init__(self, request: Any, name: str, ends: Ends) -> None:
        self.name = name
        self.input_shape = ends.input_shape
        self._request: Any = request
        self._encode, self._decode = ends.encode, ends.decode
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
        self._encode(face, self._request.get_input_tensor().data)
        self._request.infer()
        return self._decode(self._request.get_output_tensor().data)

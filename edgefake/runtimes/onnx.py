"""ONNX models through onnxruntime, on the CPU or on one of its GPU providers."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.card_files import check_model
from edgefake.errors import BackendError, ModelFileError
from edgefake.model_card import ModelCard

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


def open_model(path: Path, card: ModelCard, num_threads: int) -> OnnxRuntime:
    """Load the ``.onnx`` file at ``path`` on the CPU. Raises ``BackendError`` or ``ModelFileError``."""
    return _open(path, card, num_threads, (CPU,))


def open_model_cuda(path: Path, card: ModelCard, num_threads: int) -> OnnxRuntime:
    """The same on an NVIDIA GPU."""
    return _open(path, card, num_threads, (CUDA,))


def open_model_tensorrt(path: Path, card: ModelCard, num_threads: int) -> OnnxRuntime:
    """The same on an NVIDIA GPU through TensorRT, with CUDA for what TensorRT does not take."""
    return _open(path, card, num_threads, (TENSORRT, CUDA))


def _open(path: Path, card: ModelCard, num_threads: int, providers: tuple[str, ...]) -> OnnxRuntime:
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError("onnxruntime is not installed: pip install 'edgefake[onnx]'") from error
    available = onnxruntime.get_available_providers()
    if missing := [provider for provider in providers if provider not in available]:
        raise BackendError(
            f"onnxruntime {onnxruntime.__version__} has no {' and no '.join(missing)}, only {', '.join(available)}: "
            "install onnxruntime-gpu in the place of onnxruntime, or choose backend='onnx'"
        )
    check_model(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3  # errors only: what matters of them is raised
    if CPU not in providers:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
    except Exception as error:  # onnxruntime's own exceptions have no public base
        reason = str(error).strip().splitlines()[0]
        raise ModelFileError(f"{path} cannot be loaded by onnxruntime {onnxruntime.__version__}: {reason}") from error
    if session.get_providers()[0] != providers[0]:  # it warns, and takes the next one
        raise BackendError(f"onnxruntime could not start {providers[0]}: check the driver and CUDA, or choose backend='onnx'")
    return OnnxRuntime(session, f"onnx (onnxruntime {onnxruntime.__version__}, {providers[0]})", path, card)


class OnnxRuntime:
    """One session, which several threads may run at once. See ``edgefake.runtimes.Runtime``."""

    def __init__(self, session: Any, name: str, path: Path, card: ModelCard) -> None:
        inputs, outputs = session.get_inputs(), session.get_outputs()
        size = card.input_size
        if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or list(inputs[0].shape[1:]) != [size, size, 3]:
            shapes = ", ".join(f"{i.type} {i.shape}" for i in inputs)
            raise ModelFileError(
                f"{path} takes {shapes}, expected one tensor(uint8) ['N', {size}, {size}, 3]: make it with python -m convert onnx"
            )
        if len(outputs) != 1 or outputs[0].shape[1:] != [card.outputs]:
            shapes = ", ".join(str(o.shape) for o in outputs)
            raise ModelFileError(
                f"{path} gives output {shapes}, expected ['N', {card.outputs}]: its card says {card.output!r} "
                f"of {', '.join(card.classes)}"
            )
        self.name = name
        self.input_shape = (1, size, size, 3)
        self._card = card
        self._session: Any = session
        self._input = inputs[0].name
        self._batch = inputs[0].shape[0] if isinstance(inputs[0].shape[0], int) else None
        self._closing = threading.Lock()

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with self._closing:
            session = self._session
        if session is None:
            raise BackendError("this model is closed: make a new Detector")
        step = self._batch or len(pixels)
        batches = [pixels[start : start + step] for start in range(0, len(pixels), step)]
        missing = step - len(batches[-1])  # a fixed batch is filled up with the last face
        batches[-1] = np.concatenate([batches[-1], np.repeat(pixels[-1:], missing, axis=0)]) if missing else batches[-1]
        raw = np.concatenate([session.run(None, {self._input: batch})[0] for batch in batches])
        return self._card.one_output(raw[: len(pixels)])

    def close(self) -> None:
        with self._closing:
            self._session = None

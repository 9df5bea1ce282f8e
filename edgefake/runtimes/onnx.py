"""ONNX models through onnxruntime, on the CPU or on one of its GPU providers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from edgefake.runtimes.inputs import InputEncoder, find_layout, layouts_of

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
    name = f"onnx (onnxruntime {onnxruntime.__version__}, {providers[0]})"
    return OnnxRuntime(path, card, name, lambda path: _load(path, card, num_threads, providers))


def _load(path: Path, card: ModelCard, num_threads: int, providers: tuple[str, ...]) -> _Session:
    import onnxruntime

    if CPU not in providers:
        not_after_fork("CUDA")
    check_model(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3  # errors only: what matters of them is raised
    if CPU not in providers:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        with plain_path(path) as name:
            session = onnxruntime.InferenceSession(name, options, providers=list(providers))
    except Exception as error:  # onnxruntime's own exceptions have no public base
        raise _cannot("loaded", path, error) from error
    if session.get_providers()[0] != providers[0]:  # it warns, and takes the next one
        raise BackendError(f"onnxruntime could not start {providers[0]}: check the driver and CUDA, or choose backend='onnx'")
    return _Session(session, path, card)


class OnnxRuntime:
    """One session, which several threads may run at once. See ``edgefake.runtimes.Runtime``."""

    def __init__(self, path: Path, card: ModelCard, name: str, load: Callable[[Path], _Session]) -> None:
        self.name = name
        self.input_shape = (1, card.input_size, card.input_size, 3)
        self._native = Native(path, card, load)

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with self._native.lock:
            session = self._native.value or self._native.again()
        return session.run(pixels)

    def close(self) -> None:
        self._native.close()


class _Session:
    """A session and its ends."""

    def __init__(self, session: Any, path: Path, card: ModelCard) -> None:
        self._session, self._path = session, path
        inputs, outputs = ([_end(end) for end in ends] for ends in (session.get_inputs(), session.get_outputs()))
        self._ends = OnnxEnds(inputs, outputs, path, card)
        self._input = session.get_inputs()[0].name
        self._batch = inputs[0].shape[0]

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        step = self._batch or len(pixels)
        batches = [pixels[start : start + step] for start in range(0, len(pixels), step)]
        missing = step - len(batches[-1])  # a fixed batch is filled up with the last face
        batches[-1] = np.concatenate([batches[-1], np.repeat(pixels[-1:], missing, axis=0)]) if missing else batches[-1]
        return np.concatenate([self._infer(batch) for batch in batches])[: len(pixels)]

    def _infer(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        try:
            (raw,) = self._session.run(None, {self._input: self._ends.encode.encoded(batch)})
        except Exception as error:  # as above
            raise _cannot("run", self._path, error) from error
        return self._ends.decode(raw, len(batch))


@dataclass(frozen=True, slots=True)
class End:
    """An input or output of an ONNX model; None stands for a length that it leaves open."""

    kind: str
    """``float32`` and so on, or the name of a type that no NumPy array has."""
    shape: Sequence[int | None]

    def __str__(self) -> str:
        return f"{self.kind} [{', '.join('N' if d is None else str(d) for d in self.shape)}]"


class OnnxEnds:
    """The one input and the one output of an ``.onnx`` model, and how numbers enter and leave them.

    A uint8 input takes pixels as they are (those of ``python -m convert onnx`` scale them inside), a float one what the card's
    scaling makes of them. Raises ``ModelFileError`` where the file has others than the card says.
    """

    def __init__(self, inputs: Sequence[End], outputs: Sequence[End], path: Path, card: ModelCard) -> None:
        layout = find_layout(inputs[0].shape, card.input_size) if len(inputs) == 1 else None
        if layout is None or inputs[0].kind not in ("uint8", "float16", "float32"):
            taken, known = ", ".join(map(str, inputs)), layouts_of(card.input_size, "N")
            raise ModelFileError(f"{path} takes {taken}, its card says one input of {known}, uint8 or float")
        if len(outputs) != 1 or not _gives(outputs[0], card.outputs):
            raise ModelFileError(
                f"{path} gives {', '.join(map(str, outputs))}, expected [N, {card.outputs}]: its card says {card.output!r} "
                f"of {', '.join(card.classes)}"
            )
        self._path, self._card = path, card
        self.layout = layout
        self.encode = InputEncoder(np.dtype(inputs[0].kind), (0.0, 0), card.scaling, layout, bgr=card.colour_order == "BGR")

    def decode(self, raw: npt.NDArray[Any], faces: int) -> npt.NDArray[np.float32]:
        """The card's ``one_output`` (N,) of the output tensor of so many faces."""
        if raw.size != faces * self._card.outputs:
            raise ModelFileError(f"{self._path} gives an output of {list(raw.shape)} for {faces} faces, expected one per face")
        return self._card.one_output(raw.astype(np.float32, copy=False).reshape(faces, -1))


def _gives(output: End, numbers: int) -> bool:
    """Whether it may be so many numbers per face; lengths that are left open are seen at the first run."""
    known = [d for d in output.shape[1:] if d is not None]
    return int(np.prod(known)) == numbers if len(known) == len(output.shape[1:]) else True


def _end(end: Any) -> End:
    kind = {"tensor(float)": "float32"}.get(end.type, end.type.removeprefix("tensor(").removesuffix(")"))
    return End(kind, [d if isinstance(d, int) else None for d in end.shape])


def _cannot(what: str, path: Path, error: Exception) -> ModelFileError:
    return ModelFileError(f"{path} cannot be {what} by onnxruntime: {str(error).strip().splitlines()[0]}")

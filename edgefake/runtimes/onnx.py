"""ONNX models through onnxruntime, on the processor or on a GPU by one of its providers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgefake.errors import BackendError, ModelFileError
from edgefake.files import plain_path
from edgefake.models.file import ModelFile
from edgefake.pixels import Pixels
from edgefake.runtimes import Outputs
from edgefake.runtimes.forks import Native, not_after_fork
from edgefake.runtimes.inputs import encoder_for, find_layout, layouts_of
from edgefake.runtimes.outputs import joined, of_one
from edgefake.runtimes.spec import InputSpec
from edgefake.system import adds_in_16_bits

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"

DEVICES = {"cpu": (CPU,), "cuda": (CUDA,), "tensorrt": (TENSORRT, CUDA)}
"""Onnxruntime's providers, with what takes the rest of a graph. ``cuda:1`` is the second of its kind."""


def open_model(file: ModelFile, spec: InputSpec, device: str | int | None, num_threads: int) -> OnnxRuntime:
    """Load the ``.onnx`` file on one of ``DEVICES``. Raises ``BackendError`` or ``ModelFileError``."""
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError("onnxruntime is not installed: pip install 'edgefake[onnx]'") from error
    providers = _providers("cpu" if device is None else device)
    available, first = onnxruntime.get_available_providers(), providers[0][0]
    if missing := [provider for provider, _ in providers if provider not in available]:
        raise BackendError(
            f"onnxruntime {onnxruntime.__version__} has no {' and no '.join(missing)}, only {', '.join(available)}: "
            "install onnxruntime-gpu in the place of onnxruntime, or leave device= out"
        )
    number = f" {providers[0][1]['device_id']}" if providers[0][1] else ""
    name = f"onnx (onnxruntime {onnxruntime.__version__}, {first}{number})"
    return OnnxRuntime(file, name, lambda path: _load(path, spec, num_threads, providers))


def _providers(device: str | int) -> list[tuple[str, dict[str, int]]]:
    """Those of ``device``, each with its options."""
    kind, colon, number = str(device).partition(":")
    if kind not in DEVICES or (colon and not (number.isdecimal() and number.isascii() and kind != "cpu")):
        raise BackendError(
            f"onnx has no device {device!r}: choose cpu, cuda or tensorrt, with a number for a further one (cuda:1)"
        )
    return [(provider, {"device_id": int(number)} if colon else {}) for provider in DEVICES[kind]]


def _load(path: Path, spec: InputSpec, num_threads: int, providers: list[tuple[str, dict[str, int]]]) -> _Session:
    import onnxruntime

    first = providers[0][0]
    if first != CPU:
        not_after_fork("CUDA")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3  # errors only: what matters of them is raised
    if first != CPU:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    elif adds_in_16_bits():
        options.add_session_config_entry("session.qdqisint8allowed", "1")  # else it makes activations unsigned
    try:
        with plain_path(path) as name:
            session = onnxruntime.InferenceSession(name, options, providers=providers)
    except Exception as error:  # onnxruntime's own exceptions have no public base
        raise _cannot("loaded", path, error) from error
    if session.get_providers()[0] != first:  # it warns, and takes the next one
        raise BackendError(f"onnxruntime could not start {first}: check the driver and CUDA, or leave device= out")
    return _Session(session, path, spec)


class OnnxRuntime:
    """One session, which several threads may run at once. See ``edgefake.runtimes.Runtime``."""

    def __init__(self, file: ModelFile, name: str, load: Callable[[Path], _Session]) -> None:
        self.name = name
        self._native = Native(file, load)

    def run(self, pixels: Pixels) -> Outputs:
        with self._native.lock:
            session = self._native.value or self._native.again()
        return session.run(pixels)

    def close(self) -> None:
        self._native.close()


class _Session:
    """A session and its ends."""

    def __init__(self, session: Any, path: Path, spec: InputSpec) -> None:
        self._session, self._path = session, path
        inputs, outputs = ([_end(end) for end in ends] for ends in (session.get_inputs(), session.get_outputs()))
        self._encode = OnnxEnds(inputs, outputs, path, spec).encode
        self._input = session.get_inputs()[0].name
        self._fixed = inputs[0].shape[0]
        self._one_by_one = self._fixed is None and not all(_may_hold_several(output) for output in outputs)

    def run(self, pixels: Pixels) -> Outputs:
        if self._fixed is None and not self._one_by_one:
            outputs = self._infer(pixels)
            if all(output.shape[:1] == (len(pixels),) for output in outputs):
                return outputs
            self._one_by_one = True  # one answer for all pictures together
        step = self._fixed or 1
        parts = [self._chunk(pixels[start : start + step], step) for start in range(0, len(pixels), step)]
        return joined(parts)

    def _chunk(self, pixels: Pixels, step: int) -> Outputs:
        missing = step - len(pixels)  # a fixed batch is filled up with the last picture
        full = np.concatenate([pixels, np.repeat(pixels[-1:], missing, axis=0)]) if missing else pixels
        outputs = self._infer(full)
        if step == 1:
            return tuple(map(of_one, outputs))
        for output in outputs:
            if output.shape[:1] != (step,):
                raise ModelFileError(
                    f"expected an output per face for {step} of them, got one of {list(output.shape)} from {self._path}"
                )
        return tuple(output[: len(pixels)] for output in outputs) if missing else outputs

    def _infer(self, batch: Pixels) -> Outputs:
        try:
            raw = self._session.run(None, {self._input: self._encode.encoded(batch)})
        except Exception as error:  # as above
            raise _cannot("run", self._path, error) from error
        return tuple(output.astype(np.float32, copy=False) for output in raw)


@dataclass(frozen=True, slots=True)
class End:
    """An input or output of an ONNX model; None stands for a length that it leaves open."""

    kind: str
    """``float32`` and so on, or the name of a type that no NumPy array has."""
    shape: Sequence[int | None]

    def __str__(self) -> str:
        return f"{self.kind} [{', '.join('N' if d is None else str(d) for d in self.shape)}]"


class OnnxEnds:
    """The one input and the outputs of an ``.onnx`` model, and how pixels enter.

    A uint8 input takes pixels as they are (those of ``python -m convert onnx`` scale them inside), a float one what the
    scaling makes of them. Raises ``ModelFileError`` where the file takes something else than ``spec`` says, or gives no numbers.
    """

    def __init__(self, inputs: Sequence[End], outputs: Sequence[End], path: Path, spec: InputSpec) -> None:
        layout = find_layout(inputs[0].shape, spec.height, spec.width) if len(inputs) == 1 else None
        if layout is None or inputs[0].kind not in ("uint8", "float16", "float32"):
            taken, known = ", ".join(map(str, inputs)), layouts_of(spec, "N")
            raise ModelFileError(f"expected one input of {known}, uint8 or float, as the card says, got {taken} in {path}")
        if any(output.kind not in _NUMBERS for output in outputs):
            raise ModelFileError(f"expected outputs that are arrays of numbers, got {', '.join(map(str, outputs))} in {path}")
        self.layout = layout
        self.encode = encoder_for(np.dtype(inputs[0].kind), (0.0, 0), layout, spec)


_NUMBERS = {"float16", "float32", "float64", "bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


def _may_hold_several(output: End) -> bool:
    """Whether its first axis may be the batch, as far as the file tells; a 1 there is often an exporter's mistake."""
    return len(output.shape) > 0 and output.shape[0] in (None, 1)


def _end(end: Any) -> End:
    kind = end.type.removeprefix("tensor(").removesuffix(")")
    kind = {"float": "float32", "double": "float64"}.get(kind, kind)
    return End(kind, [d if isinstance(d, int) else None for d in end.shape])


def _cannot(what: str, path: Path, error: Exception) -> ModelFileError:
    return ModelFileError(f"{path} cannot be {what} by onnxruntime: {str(error).strip().splitlines()[0]}")

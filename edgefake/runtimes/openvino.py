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
from edgefake.models.file import ModelFile
from edgefake.pixels import Pixels
from edgefake.runtimes import Outputs
from edgefake.runtimes.forks import Native, not_after_fork
from edgefake.runtimes.onnx import End, OnnxEnds
from edgefake.runtimes.outputs import joined, of_one
from edgefake.runtimes.spec import InputSpec
from edgefake.runtimes.tflite import Ends, load
from edgefake.system import adds_in_16_bits


def open_model(file: ModelFile, spec: InputSpec, device: str | int | None, num_threads: int) -> OpenVinoRuntime:
    """Load the ``.tflite`` or ``.onnx`` file on a device of OpenVINO's. Raises ``BackendError`` or ``ModelFileError``."""
    try:
        import openvino
    except ImportError as error:
        raise BackendError("openvino is not installed: pip install 'edgefake[openvino]'") from error
    version = openvino.__version__.partition("-")[0]
    device = "CPU" if device is None else _found(openvino, device)
    name = f"openvino (OpenVINO {version}, {device})"
    return OpenVinoRuntime(file, name, lambda path: _load(path, spec, device, num_threads))


def _found(openvino: Any, device: str | int) -> str:
    """``device``, where this machine has it: ``GPU`` is ``GPU.0``. Raises ``BackendError``."""
    not_after_fork("OpenVINO")
    known = openvino.Core().available_devices
    if device not in (*known, *(name.partition(".")[0] for name in known)):
        raise BackendError(f"OpenVINO has no device {device!r} here, only {', '.join(known)}: choose one, or install its driver")
    return str(device)


def _load(path: Path, spec: InputSpec, device: str, num_threads: int) -> _Request:
    import openvino

    not_after_fork("OpenVINO")
    try:
        core = openvino.Core()
        with plain_path(path) as name:
            model = core.read_model(name)
        ends = (_onnx_ends if path.suffix == ".onnx" else _tflite_ends)(model, path, spec)
        model.reshape([1, *ends.picture])
        if any(output.partial_shape.rank == 0 for output in model.outputs):  # the compiler crashes on it
            raise ModelFileError(f"{path} gives a number without a shape ([]), which OpenVINO does not take: use another runtime")
        compiled = core.compile_model(model, device, options_of(device, num_threads))
    except RuntimeError as error:
        raise _cannot("loaded", path, error) from error
    return _Request(compiled.create_infer_request(), ends, path)


def options_of(device: str, num_threads: int) -> dict[str, Any]:
    """What a device of this name is told."""
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if not device.startswith("NPU"):  # it computes floats in 16 bits, and refuses to be told otherwise
        options["INFERENCE_PRECISION_HINT"] = "f32"  # else what is float runs in bfloat16 where the processor has it
    if device == "CPU":
        options["INFERENCE_NUM_THREADS"] = num_threads
        if adds_in_16_bits():
            options["LP_TRANSFORMS_MODE"] = "NO"  # in floats, which hold eight bits exactly: slower by a third, and right
    return options


class OpenVinoRuntime:
    """One request behind a lock, which takes one picture at a time. See ``edgefake.runtimes.Runtime``."""

    def __init__(self, file: ModelFile, name: str, load: Callable[[Path], _Request]) -> None:
        self.name = name
        self._native = Native(file, load)

    def run(self, pixels: Pixels) -> Outputs:
        with self._native.lock:
            request = self._native.value or self._native.again()
            return joined([request.run(one) for one in pixels[:, None]])

    def close(self) -> None:
        self._native.close()


@dataclass(frozen=True, slots=True)
class _Ends:
    """How pixels get into the input tensor, and float32 out of each output tensor."""

    picture: tuple[int, int, int]
    """Shape of one in the input tensor."""
    encode: Callable[[Pixels, npt.NDArray[Any]], object]
    decode: tuple[tuple[int, Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]], ...]
    """By output, in the order of the graph: which of OpenVINO's it is, and what becomes of it."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What OpenVINO has compiled."""

    request: Any
    ends: _Ends
    path: Path

    def run(self, one: Pixels) -> Outputs:
        self.ends.encode(one, self.request.get_input_tensor().data)
        try:
            self.request.infer()
        except RuntimeError as error:
            raise _cannot("run", self.path, error) from error
        return tuple(of_one(decode(self.request.get_output_tensor(index).data.copy())) for index, decode in self.ends.decode)


def _tflite_ends(model: Any, path: Path, spec: InputSpec) -> _Ends:
    """LiteRT reads what OpenVINO does not tell: the quantization of input and outputs."""
    ends = Ends(load(path, 1)[0], path, spec)
    names = [output.get_names() for output in model.outputs]
    decode = [(_place(output.name, names, path), output.decode) for output in ends.outputs]
    return _Ends(ends.layout.shape, ends.encode, tuple(decode))


def _place(name: str, names: list[set[str]], path: Path) -> int:
    """Which of OpenVINO's outputs has this ``name``."""
    found = [index for index, known in enumerate(names) if name in known or len(names) == 1]
    if len(found) != 1:
        raise ModelFileError(f"{path} gives several outputs of which OpenVINO cannot tell which is {name!r}: name each otherwise")
    return found[0]


def _onnx_ends(model: Any, path: Path, spec: InputSpec) -> _Ends:
    ends = OnnxEnds([_end(i) for i in model.inputs], [_end(o) for o in model.outputs], path, spec)
    decode = tuple((index, _as_float) for index in range(len(model.outputs)))
    return _Ends(ends.layout.shape, ends.encode, decode)


def _as_float(tensor: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return tensor.astype(np.float32, copy=False)


def _end(end: Any) -> End:
    kind = end.element_type.to_string()
    return End(_KINDS.get(kind, kind), [d.get_length() if d.is_static else None for d in end.partial_shape])


_KINDS = {
    **{f"f{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"{sign}{bits}": f"{name}{bits}" for sign, name in (("i", "int"), ("u", "uint")) for bits in (8, 16, 32, 64)},
    "boolean": "bool",
}
"""OpenVINO's names of types in NumPy's words."""


def _cannot(what: str, path: Path, error: Exception) -> ModelFileError:
    return ModelFileError(f"{path} cannot be {what} by OpenVINO: {str(error).strip().splitlines()[-1]}")

"""INT8 models on NVIDIA GPUs: an engine is built from the QDQ ``.onnx`` on the device itself, checked, cached and run."""

from __future__ import annotations

from edgefake.errors import BackendError
from edgefake.models.file import ModelFile
from edgefake.runtimes.spec import InputSpec
from edgefake.runtimes.tensorrt.engine import TensorRTRuntime
from edgefake.runtimes.tensorrt.engines import is_prepared, open_engine, prepare


def open_model(file: ModelFile, spec: InputSpec, device: str | int | None, num_threads: int) -> TensorRTRuntime:
    """Load the ``.onnx`` file, whose engine is built when there is none yet (minutes), or an ``.engine`` with its sidecar.

    ``device`` is the number of the GPU; ``num_threads`` says nothing to one. An engine is built for what the file's card says,
    and checked against it. Raises ``BackendError``, ``CardError``, ``ModelFileError`` or ``ModelStoreError``.
    """
    gpu = _number(device)
    return open_engine(file, gpu=gpu) if file.path.suffix == ".engine" else prepare(file, gpu=gpu).runtime


def is_built(file: ModelFile, device: str | int | None) -> bool:
    """Whether ``open_model`` finds an engine and need not build one; no where this machine cannot run any."""
    try:
        return file.path.suffix == ".engine" or is_prepared(file, gpu=_number(device))
    except BackendError:
        return False


def _number(device: str | int | None) -> int:
    number = str(0 if device is None else device)
    if not (number.isdecimal() and number.isascii()):
        raise BackendError(f"tensorrt has no device {device!r}: give the number of a GPU, from 0 on")
    return int(number)

"""INT8 models on NVIDIA GPUs: an engine is built from the QDQ ``.onnx`` on the device itself, checked, cached and run."""

from __future__ import annotations

from pathlib import Path

from edgefake.models.card import ModelCard
from edgefake.runtimes.tensorrt.engine import TensorRTRuntime
from edgefake.runtimes.tensorrt.engines import open_engine, prepare


def open_model(path: Path, card: ModelCard, num_threads: int) -> TensorRTRuntime:
    """Load the ``.onnx`` at ``path``, whose engine is built when there is none yet (minutes), or an ``.engine`` with its sidecar.

    ``num_threads`` says nothing to a GPU. Raises ``BackendError``, ``ModelFileError`` or ``ModelStoreError``.
    """
    return open_engine(path, card) if path.suffix == ".engine" else prepare(path, card).runtime

"""From a model file to a running engine: from the cache, or built, checked and cached."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edgefake.errors import BackendError, ModelFileError
from edgefake.models.card import ModelCard
from edgefake.models.engine_form import Origin, Sidecar, read_sidecar, sidecar_path
from edgefake.models.file import ModelFile, require_card
from edgefake.models.golden import check_golden
from edgefake.runtimes.forks import not_after_fork
from edgefake.runtimes.inputs import check_raw
from edgefake.runtimes.tensorrt import cache
from edgefake.runtimes.tensorrt.builder import MAX_BATCH, WORKSPACE_MB, Built, build
from edgefake.runtimes.tensorrt.cuda import Cuda, cuda_layer
from edgefake.runtimes.tensorrt.engine import TensorRTRuntime
from edgefake.runtimes.tensorrt.gpu import Gpu, find_gpu
from edgefake.runtimes.tensorrt.inspection import not_int8
from edgefake.runtimes.tensorrt.library import load_tensorrt, logger

_log = logging.getLogger(__name__)
_REMEDY = "update TensorRT and the driver, or choose another runtime"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An engine that is loaded and ready to run."""

    runtime: TensorRTRuntime
    engine: Path
    sidecar: Sidecar
    built: bool
    """Whether it was built just now."""


def prepare(file: ModelFile, *, folder: Path | None = None, workspace_mb: int = WORKSPACE_MB, gpu: int = 0) -> Prepared:
    """The engine of an ``.onnx`` file with a card, from ``folder`` (default: the cache) or, once per kind of GPU, built into it.

    Raises:
        BackendError: no GPU, driver, TensorRT or pycuda; the engine cannot be built, or is not what its card promises.
        ModelFileError: TensorRT cannot read the file. CardError: it has no card.
        ModelStoreError: the cache cannot be written.
    """
    card = require_card(file, None)
    machine = _this_machine(card, gpu)
    origin, engine = _engine_of(file, card, machine, folder)
    if found := _cached(engine, origin, card, machine):
        return found
    with cache.lock(engine):
        return _cached(engine, origin, card, machine) or _built(file.data, engine, origin, card, machine, workspace_mb)


def is_prepared(file: ModelFile, *, gpu: int = 0) -> bool:
    """Whether ``prepare`` finds an engine in the cache. Raises ``BackendError`` without a GPU, driver or TensorRT."""
    card = require_card(file, None)
    _, engine = _engine_of(file, card, _this_machine(card, gpu))
    return sidecar_path(engine).exists()


def open_engine(file: ModelFile, *, gpu: int = 0) -> TensorRTRuntime:
    """An ``.engine`` file, which its sidecar must say was built for this machine. See ``prepare`` for errors."""
    card = require_card(file, None)
    machine = _this_machine(card, gpu)
    sidecar = read_sidecar(file.path)
    here = machine.origin(sidecar.origin.onnx_sha256, card)
    if sidecar.origin != here:
        raise BackendError(
            f"{file.path} was built for {_target(sidecar.origin)}, this machine has {_target(here)}: "
            "build it here (edgefake build-engine MODEL.onnx)"
        )
    runtime = machine.load(_whole(file, sidecar), card)
    try:
        check_golden(runtime, card, _REMEDY)
    except BaseException:
        runtime.close()
        raise
    return runtime


@dataclass(frozen=True, slots=True)
class _Machine:
    """What an engine is built for and by."""

    gpu: Gpu
    trt: Any
    cuda: Callable[[], Cuda]

    def origin(self, onnx_sha256: str, card: ModelCard) -> Origin:
        return Origin(
            onnx_sha256, self.trt.__version__, self.gpu.name, self.gpu.capability, card.precision, card.input_size, MAX_BATCH
        )

    def load(self, engine: bytes, card: ModelCard) -> TensorRTRuntime:
        return TensorRTRuntime(self.trt, logger(self.trt), engine, self.cuda(), card.input_spec, outputs=card.outputs)

    def build(self, model: bytes, card: ModelCard, workspace_mb: int, timings: bytes) -> Built:
        cuda = self.cuda()
        with cuda.current():  # else TensorRT would build for the first GPU
            try:
                return build(
                    self.trt, logger(self.trt), model, precision=card.precision, workspace_mb=workspace_mb, timings=timings
                )
            finally:
                cuda.free()


def _this_machine(card: ModelCard, gpu: int) -> _Machine:
    """All that is needed, looked for before the minutes of a build."""
    check_raw(card.scaling)
    not_after_fork("CUDA")
    found = find_gpu(gpu)
    if card.precision == "int8" and not found.has_int8:
        raise BackendError(
            f"{found.name} (compute capability {found.capability}) has no INT8 arithmetic: use the tflite runtime, or a float "
            "model"
        )
    return _Machine(found, load_tensorrt(), partial(cuda_layer(), gpu))


def _engine_of(file: ModelFile, card: ModelCard, machine: _Machine, folder: Path | None = None) -> tuple[Origin, Path]:
    """What the engine of an ``.onnx`` file is built from and for, and where it is kept."""
    origin = machine.origin(hashlib.sha256(file.data).hexdigest(), card)
    return origin, cache.engine_path(folder or cache.engine_folder(), file.path, origin)


def _whole(engine: ModelFile, sidecar: Sidecar) -> bytes:
    """The engine's bytes. Raises ``ModelFileError`` unless they are those that the sidecar was written for."""
    if engine.payload_sha256 != sidecar.engine_sha256:
        raise ModelFileError(f"{engine.path} is not the engine that its sidecar was written for (SHA-256 differs): build another")
    return engine.data


def _cached(engine: Path, origin: Origin, card: ModelCard, machine: _Machine) -> Prepared | None:
    """The engine when it is there, whole and for this machine."""
    if not sidecar_path(engine).exists():
        return None
    try:
        sidecar = read_sidecar(engine)
        if sidecar.origin != origin:
            raise ModelFileError(f"expected an engine of this model and machine, got {engine} of another")
        return Prepared(machine.load(_whole(ModelFile(engine), sidecar), card), engine, sidecar, built=False)
    except ModelFileError as error:
        _log.warning("building an engine again: %s", error)
        return None


def _built(model: bytes, engine: Path, origin: Origin, card: ModelCard, machine: _Machine, workspace_mb: int) -> Prepared:
    timings = cache.timings_path(engine.parent, origin)
    _log.info("building the TensorRT engine of %s for %s, once", card.name, machine.gpu.name)
    built = machine.build(model, card, workspace_mb, timings.read_bytes() if timings.is_file() else b"")
    runtime = machine.load(built.engine, card)
    try:
        int8 = _checked_int8(runtime, built.products) if card.precision == "int8" else 0
        error = check_golden(runtime, card, _REMEDY)
        sidecar = Sidecar(origin, hashlib.sha256(built.engine).hexdigest(), int8, error, card)
        cache.write_engine(engine, built.engine, sidecar, timings, built.timings)
    except BaseException:
        runtime.close()
        raise
    return Prepared(runtime, engine, sidecar, built=True)


def _checked_int8(runtime: TensorRTRuntime, products: tuple[str, ...]) -> int:
    """How many layers there are to run in INT8; ``BackendError`` names those that TensorRT runs in float."""
    if slow := not_int8(runtime.layers(), products):
        raise BackendError(
            f"TensorRT would not run {len(slow)} of {len(products)} layers in INT8 ({', '.join(slow)}): convert the model "
            "again, or update TensorRT"
        )
    return len(products)


def _target(origin: Origin) -> str:
    fields = dataclasses.asdict(origin)
    return ", ".join(
        f"{name} {fields[name]}" for name in ("gpu", "capability", "tensorrt", "precision", "input_size", "max_batch")
    )

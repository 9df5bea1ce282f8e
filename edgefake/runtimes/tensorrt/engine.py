"""Running an engine."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from edgefake.errors import BackendError, ModelFileError
from edgefake.pixels import Pixels
from edgefake.runtimes import Outputs
from edgefake.runtimes.forks import fork_lock, not_after_fork
from edgefake.runtimes.outputs import joined
from edgefake.runtimes.spec import InputSpec
from edgefake.runtimes.tensorrt.cuda import Bytes, Cuda
from edgefake.runtimes.tensorrt.library import failure, start


class TensorRTRuntime:
    """One execution context on one stream, behind a lock. See ``edgefake.runtimes.Runtime``.

    Takes over ``cuda``: it is freed by ``close``, at the latest when this object or the process goes.
    """

    def __init__(self, trt: Any, log: Any, engine: bytes, cuda: Cuda, spec: InputSpec, *, outputs: Sequence[str] = ()) -> None:
        """``outputs`` are the names of the engine's, in the order in which ``run`` is to give them; of an engine that calls them
        otherwise (a single one, or a stranger's) the order is its own.

        Raises ``BackendError`` when the GPU cannot load ``engine``, ``ModelFileError`` when it takes another input.
        """
        self.name = f"tensorrt ({trt.__version__}, {cuda.name})"
        self._lock = fork_lock()
        self._loaded = _Loaded(trt, cuda)
        self._unload = weakref.finalize(self, _Loaded.unload, self._loaded, self._lock)
        log.errors.clear()
        try:
            with cuda.current():
                self._loaded.load(log, engine, spec, outputs)
            self.run(np.full((1, spec.height, spec.width, 3), 128, np.uint8))  # the first run is slow: have it behind us
        except BaseException:
            self.close()
            raise

    def run(self, pixels: Pixels) -> Outputs:
        with self._lock:
            not_after_fork("CUDA")
            loaded = self._loaded
            if loaded.context is None:
                raise BackendError("this model is closed: make a new Detector")
            with loaded.cuda.current():
                chunks = [loaded.run(pixels[start : start + loaded.batch]) for start in range(0, len(pixels), loaded.batch)]
        return joined(chunks)

    def close(self) -> None:
        self._unload()

    def layers(self) -> str:
        """What the engine inspector tells about the layers, as JSON."""
        return self._loaded.layers()


class _Loaded:
    """What an engine holds on the GPU, apart from the runtime, so that it can be freed when that is gone."""

    def __init__(self, trt: Any, cuda: Cuda) -> None:
        self.cuda = cuda
        self.batch = 1
        self.context: Any = None
        self._trt = trt
        self._runtime: Any = None
        self._engine: Any = None

    def load(self, log: Any, data: bytes, spec: InputSpec, outputs: Sequence[str]) -> None:
        trt = self._trt
        self._runtime = start(trt.Runtime, log)
        self._engine = engine = self._runtime.deserialize_cuda_engine(data)
        if engine is None:
            raise failure(log, ModelFileError, "TensorRT cannot load this engine", "build it again on this machine")
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self._check_input(inputs, (spec.height, spec.width, 3))
        (self._input,) = inputs
        first, *self._shape = engine.get_tensor_shape(self._input)
        self._dynamic = first == -1
        self.batch = engine.get_tensor_profile_shape(self._input, 0)[2][0] if self._dynamic else first
        given = [name for name in names if name != self._input]
        # TensorRT promises no order of its bindings.
        shapes = {name: self._output_shape(name, first) for name in (outputs if {*outputs} == {*given} else given)}
        self.context = engine.create_execution_context()
        if self.context is None:
            raise failure(log, BackendError, "TensorRT cannot run this engine", "make a new Detector")
        self._source = self._allocate(self._input, tuple(self._shape), 1)
        self._results = [(self._allocate(name, shape, 4), shape) for name, shape in shapes.items()]

    def _allocate(self, name: str, shape: tuple[int, ...], item: int) -> tuple[Bytes, int]:
        """Memory for ``batch`` of this ``shape``, here and on the GPU."""
        size = self.batch * item * int(np.prod(shape))
        here, there = self.cuda.host(size), self.cuda.device(size)
        self.context.set_tensor_address(name, there)
        return here, there

    def _check_input(self, names: list[str], shape: tuple[int, ...]) -> None:
        """Raise ``ModelFileError`` unless there is one input, of pixels of this ``shape``."""
        found = [(self._engine.get_tensor_dtype(name), tuple(self._engine.get_tensor_shape(name))) for name in names]
        if len(found) != 1 or found[0][0] != self._trt.uint8 or found[0][1][1:] != shape:
            told = ", ".join(f"{given.name} {list(sizes)}" for given, sizes in found) or "none"
            raise ModelFileError(f"expected an engine with one input of uint8 {['N', *shape]}, got {told}: convert it again")

    def _output_shape(self, name: str, batch: int) -> tuple[int, ...]:
        """For one picture. Raises ``ModelFileError`` unless it is float32 of a known size, with one answer per picture."""
        kind, shape = self._engine.get_tensor_dtype(name), tuple(self._engine.get_tensor_shape(name))
        if kind != self._trt.float32 or shape[:1] != (batch,) or -1 in shape[1:]:
            raise ModelFileError(
                f"expected an engine with outputs of float32 {[batch, '…']}, got {kind.name} {list(shape)}: convert it again"
            )
        return shape[1:]

    def run(self, pixels: Pixels) -> Outputs:
        """The outputs of at most ``batch`` pictures; copies."""
        count = len(pixels)
        if self._dynamic:
            self.context.set_input_shape(self._input, (count, *self._shape))
        source = self._source[0][: pixels.size]
        source[:] = pixels.reshape(-1)
        self.cuda.upload(self._source[1], source)
        if not self.context.execute_async_v3(self.cuda.stream):
            raise BackendError(
                "TensorRT could not run the model: make a new Detector; if that fails too, check nvidia-smi and dmesg"
            )
        targets = [(here[: count * 4 * int(np.prod(shape))], there, shape) for (here, there), shape in self._results]
        for target, there, _ in targets:
            self.cuda.download(target, there)
        self.cuda.synchronize()
        return tuple(target.view(np.float32).reshape(count, *shape).copy() for target, _, shape in targets)

    def layers(self) -> str:
        inspector = self._engine.create_engine_inspector()
        return str(inspector.get_engine_information(self._trt.LayerInformationFormat.JSON))

    def unload(self, lock: Any) -> None:
        with lock, suppress(BackendError):  # what has failed cannot be freed either
            not_after_fork("CUDA")
            with self.cuda.current():
                self.context = self._engine = self._runtime = None  # in this order: each needs the next
                self.cuda.free()

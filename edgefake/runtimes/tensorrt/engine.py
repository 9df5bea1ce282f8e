"""Running an engine."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.errors import BackendError, ModelFileError
from edgefake.models.card import ModelCard
from edgefake.runtimes.forks import fork_lock, not_after_fork
from edgefake.runtimes.tensorrt.cuda import Cuda
from edgefake.runtimes.tensorrt.library import failure, start


class TensorRTRuntime:
    """One execution context on one stream, behind a lock. See ``edgefake.runtimes.Runtime``.

    Takes over ``cuda``: it is freed by ``close``, at the latest when this object or the process goes.
    """

    def __init__(self, trt: Any, log: Any, engine: bytes, cuda: Cuda, card: ModelCard) -> None:
        """Raises ``BackendError`` when the GPU cannot load ``engine``, ``ModelFileError`` when it is not what ``card`` says."""
        self.name = f"tensorrt ({trt.__version__}, {cuda.name})"
        self.input_shape = (1, card.input_size, card.input_size, 3)
        self._card = card
        self._lock = fork_lock()
        self._loaded = _Loaded(trt, cuda)
        self._unload = weakref.finalize(self, _Loaded.unload, self._loaded, self._lock)
        log.errors.clear()
        try:
            with cuda.current():
                self._loaded.load(log, engine, card)
            self.run(np.full(self.input_shape, 128, np.uint8))  # the first run is slow: have it behind us
        except BaseException:
            self.close()
            raise

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with self._lock:
            not_after_fork("CUDA")
            loaded = self._loaded
            if loaded.context is None:
                raise BackendError("this model is closed: make a new Detector")
            with loaded.cuda.current():
                chunks = [loaded.run(pixels[start : start + loaded.batch]) for start in range(0, len(pixels), loaded.batch)]
        return self._card.one_output(np.concatenate(chunks))

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

    def load(self, log: Any, data: bytes, card: ModelCard) -> None:
        trt = self._trt
        self._runtime = start(trt.Runtime, log)
        self._engine = engine = self._runtime.deserialize_cuda_engine(data)
        if engine is None:
            raise failure(log, ModelFileError, "TensorRT cannot load this engine", "build it again on this machine")
        self._input, self._output = self._names(card)
        shape = tuple(engine.get_tensor_shape(self._input))
        self._dynamic = shape[0] == -1
        self.batch = engine.get_tensor_profile_shape(self._input, 0)[2][0] if self._dynamic else shape[0]
        self._shape, self._outputs = shape[1:], card.outputs
        self.context = engine.create_execution_context()
        if self.context is None:
            raise failure(log, BackendError, "TensorRT cannot run this engine", "make a new Detector")
        self._allocate()

    def _allocate(self) -> None:
        face, result = int(np.prod(self._shape)), 4 * self._outputs
        self._pixels, self._result = self.cuda.host(self.batch * face), self.cuda.host(self.batch * result)
        self._pixels_at, self._result_at = self.cuda.device(self.batch * face), self.cuda.device(self.batch * result)
        self.context.set_tensor_address(self._input, self._pixels_at)
        self.context.set_tensor_address(self._output, self._result_at)

    def _names(self, card: ModelCard) -> tuple[str, str]:
        """Of the input and the output. Raises ``ModelFileError`` unless there is one of each, as the card says."""
        trt, engine = self._trt, self._engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        outputs = [name for name in names if name not in inputs]
        self._expect(inputs, "input", trt.uint8, (card.input_size, card.input_size, 3))
        self._expect(outputs, "output", trt.float32, (card.outputs,))
        return inputs[0], outputs[0]

    def _expect(self, names: list[str], what: str, type_: Any, shape: tuple[int, ...]) -> None:
        found = [(self._engine.get_tensor_dtype(name), tuple(self._engine.get_tensor_shape(name))) for name in names]
        if len(found) != 1 or found[0][0] != type_ or found[0][1][1:] != shape:
            told = ", ".join(f"{given.name} {list(sizes)}" for given, sizes in found) or "none"
            raise ModelFileError(
                f"this engine has {what} {told}, expected one of {type_.name} {['N', *shape]}: convert the model again"
            )

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Raw outputs (N, K) of at most ``batch`` faces; a copy."""
        count = len(pixels)
        if self._dynamic:
            self.context.set_input_shape(self._input, (count, *self._shape))
        source, target = self._pixels[: pixels.size], self._result[: count * 4 * self._outputs]
        source[:] = pixels.reshape(-1)
        self.cuda.upload(self._pixels_at, source)
        if not self.context.execute_async_v3(self.cuda.stream):
            raise BackendError(
                "TensorRT could not run the model: make a new Detector; if that fails too, check nvidia-smi and dmesg"
            )
        self.cuda.download(target, self._result_at)
        self.cuda.synchronize()
        return target.view(np.float32).reshape(count, self._outputs).copy()

    def layers(self) -> str:
        inspector = self._engine.create_engine_inspector()
        return str(inspector.get_engine_information(self._trt.LayerInformationFormat.JSON))

    def unload(self, lock: Any) -> None:
        with lock, suppress(BackendError):  # what has failed cannot be freed either
            not_after_fork("CUDA")
            with self.cuda.current():
                self.context = self._engine = self._runtime = None  # in this order: each needs the next
                self.cuda.free()

"""The few calls of CUDA that running an engine takes: one stream, page-locked and device memory, copies.

pycuda makes them, or cuda-bindings (wheels, no compiler) where pycuda cannot be imported. Both work in the GPU's primary
context, which TensorRT and other CUDA libraries of the process share; like theirs, it is retained until the process ends.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import metadata
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgefake.errors import BackendError

Bytes = npt.NDArray[np.uint8]


class Cuda(Protocol):
    """One stream and the memory taken for it. All but ``current`` is called inside ``current``."""

    name: str
    stream: int
    """The CUstream, as TensorRT takes it."""

    def current(self) -> AbstractContextManager[None]:
        """Make the primary context current in this thread, and tell CUDA's errors as ``BackendError``."""
        ...

    def host(self, size: int) -> Bytes:
        """Page-locked memory of ``size`` bytes."""
        ...

    def device(self, size: int) -> int:
        """The address of ``size`` bytes on the GPU."""
        ...

    def upload(self, address: int, source: Bytes) -> None:
        """Copy page-locked ``source`` to the GPU, in the order of the stream."""
        ...

    def download(self, target: Bytes, address: int) -> None:
        """Copy from the GPU into page-locked ``target``, in the order of the stream."""
        ...

    def synchronize(self) -> None:
        """Wait for the stream."""
        ...

    def free(self) -> None:
        """Give back the stream and all memory. Arrays from ``host`` must not be touched afterwards."""
        ...


def cuda_layer() -> Callable[[int], Cuda]:
    """What opens a new stream on a GPU, given its number, through pycuda or cuda-bindings.

    Raises ``BackendError`` when neither is installed.
    """
    reasons = []
    for module, layer in (("pycuda.driver", PyCuda), ("cuda.bindings.driver", CudaBindings)):
        try:
            return functools.partial(layer, importlib.import_module(module))
        except ImportError as error:
            reasons.append(str(error))
    raise BackendError(f"TensorRT needs pycuda or cuda-bindings ({'; '.join(reasons)}): pip install pycuda, or cuda-bindings")


class PyCuda:
    """See ``Cuda``."""

    def __init__(self, driver: Any, gpu: int) -> None:
        self.name = f"pycuda {metadata.version('pycuda')}"
        self._driver = driver
        with _retaining:
            self._context = _pycuda_context(driver, gpu)
        self._freed: list[Callable[[], None]] = []
        with self.current():
            self._stream = driver.Stream()
        self.stream = int(self._stream.handle)

    @contextmanager
    def current(self) -> Iterator[None]:
        self._context.push()
        try:
            yield
        except self._driver.MemoryError as error:
            raise _out_of_memory(error) from error
        except self._driver.Error as error:
            raise _failed(error) from error
        finally:
            self._context.pop()

    def host(self, size: int) -> Bytes:
        array: Bytes = self._driver.pagelocked_empty(size, np.uint8)
        self._freed.append(array.base.free)  # type: ignore[union-attr]
        return array

    def device(self, size: int) -> int:
        allocation = self._driver.mem_alloc(size)
        self._freed.append(allocation.free)
        return int(allocation)

    def upload(self, address: int, source: Bytes) -> None:
        self._driver.memcpy_htod_async(address, source, self._stream)

    def download(self, target: Bytes, address: int) -> None:
        self._driver.memcpy_dtoh_async(target, address, self._stream)

    def synchronize(self) -> None:
        self._stream.synchronize()

    def free(self) -> None:
        while self._freed:
            self._freed.pop()()
        self._stream = None


class CudaBindings:
    """See ``Cuda``."""

    def __init__(self, driver: Any, gpu: int) -> None:
        self.name = f"cuda-bindings {metadata.version('cuda-bindings')}"
        self._driver = driver
        with _retaining:
            self._context = _bindings_context(driver, gpu)
        self._freed: list[Callable[[], None]] = []
        with self.current():
            stream = self._call("cuStreamCreate", 0)
        self._freed.append(functools.partial(self._call, "cuStreamDestroy", stream))
        self.stream = int(stream)

    @contextmanager
    def current(self) -> Iterator[None]:
        self._call("cuCtxPushCurrent", self._context)
        try:
            yield
        finally:
            self._call("cuCtxPopCurrent")

    def host(self, size: int) -> Bytes:
        address = int(self._call("cuMemAllocHost", size))
        self._freed.append(functools.partial(self._call, "cuMemFreeHost", address))
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))

    def device(self, size: int) -> int:
        address = int(self._call("cuMemAlloc", size))
        self._freed.append(functools.partial(self._call, "cuMemFree", address))
        return address

    def upload(self, address: int, source: Bytes) -> None:
        self._call("cuMemcpyHtoDAsync", address, source.ctypes.data, source.nbytes, self.stream)

    def download(self, target: Bytes, address: int) -> None:
        self._call("cuMemcpyDtoHAsync", target.ctypes.data, address, target.nbytes, self.stream)

    def synchronize(self) -> None:
        self._call("cuStreamSynchronize", self.stream)

    def free(self) -> None:
        while self._freed:
            self._freed.pop()()

    def _call(self, function: str, *arguments: Any) -> Any:
        return _checked(self._driver, function, *arguments)


_retaining = threading.Lock()


@functools.cache
def _pycuda_context(driver: Any, gpu: int) -> Any:
    driver.init()
    context = driver.Device(gpu).retain_primary_context()
    # At exit after the runtimes, as finalizers run in reverse order; pycuda's own clean-up would detach it in a way that fails.
    weakref.finalize(driver, context.detach)
    return context


@functools.cache
def _bindings_context(driver: Any, gpu: int) -> Any:
    _checked(driver, "cuInit", 0)
    return _checked(driver, "cuDevicePrimaryCtxRetain", _checked(driver, "cuDeviceGet", gpu))


def _checked(driver: Any, function: str, *arguments: Any) -> Any:
    """Call ``function`` of cuda-bindings, which answers (error, result…); its result, or ``BackendError``."""
    error, *result = getattr(driver, function)(*arguments)
    if error == driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
        raise _out_of_memory(error.name)
    if error != driver.CUresult.CUDA_SUCCESS:
        raise _failed(f"{function}: {error.name}")
    return result[0] if result else None


def _out_of_memory(reason: object) -> BackendError:
    return BackendError(f"the GPU has too little free memory for this model ({reason}): close other programs that use it")


def _failed(reason: object) -> BackendError:
    return BackendError(f"the GPU failed ({reason}): make a new Detector; if that fails too, check nvidia-smi and dmesg")

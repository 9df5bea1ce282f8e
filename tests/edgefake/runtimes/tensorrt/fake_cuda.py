"""Fake CUDA for machines without a GPU, strict about contexts, threads and memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from edgefake.errors import BackendError

Bytes = npt.NDArray[np.uint8]


class FakeCuda:
    """See ``edgefake.runtimes.tensorrt.cuda.Cuda``. The stream's work is done at ``synchronize``, as late as CUDA may do it."""

    opened: ClassVar[list[FakeCuda]] = []
    fail = ""
    """The name of a method that fails as if the GPU were gone."""

    def __init__(self, gpu: int = 0) -> None:
        self.name, self.stream, self.gpu = "fake CUDA", id(self), gpu
        self.blocks: dict[int, Bytes] = {}
        """What is allocated, by its address."""
        self.freed = False
        self._inside: list[int] = []
        self._queue: list[Callable[[], object]] = []
        self.opened.append(self)

    @contextmanager
    def current(self) -> Iterator[None]:
        self._inside.append(threading.get_ident())
        try:
            yield
        finally:
            self._inside.remove(threading.get_ident())

    def host(self, size: int) -> Bytes:
        self._enter("host")
        return self._block(size)

    def device(self, size: int) -> int:
        self._enter("device")
        return self._block(size).ctypes.data

    def upload(self, address: int, source: Bytes) -> None:
        self._enter("upload")
        self.enqueue(lambda: np.copyto(self.blocks[address][: source.nbytes], source))

    def download(self, target: Bytes, address: int) -> None:
        self._enter("download")
        self.enqueue(lambda: np.copyto(target, self.blocks[address][: target.nbytes]))

    def enqueue(self, work: Callable[[], object]) -> None:
        self._queue.append(work)

    def synchronize(self) -> None:
        self._enter("synchronize")
        while self._queue:
            self._queue.pop(0)()

    def free(self) -> None:
        self._enter("free")
        self.blocks.clear()
        self.freed = True

    def _block(self, size: int) -> Bytes:
        block = np.full(size, 0xAA, np.uint8)
        self.blocks[block.ctypes.data] = block
        return block

    def _enter(self, method: str) -> None:
        assert self._inside == [threading.get_ident()], f"{method} without a current context, or in two threads at once"
        assert not self.freed, f"{method} after free"
        if self.fail == method:
            raise BackendError("the GPU failed (CUDA_ERROR_FAKE)")

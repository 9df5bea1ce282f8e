"""Finding TensorRT and a memory layer, and telling what is missing."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgefake import BackendError, ModelFileError
from edgefake.runtimes.tensorrt.cuda import cuda_layer
from edgefake.runtimes.tensorrt.library import failure, load_tensorrt, logger, start
from tests.edgefake.runtimes.tensorrt.fake_tensorrt import FakeTensorRT


def test_no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(BackendError, match=r"TensorRT .*installed .*JetPack .*edgefake\[tensorrt\]"):
        load_tensorrt()


def test_a_tensorrt_without_its_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tensorrt.py").write_text("raise ImportError('libnvinfer.so.10: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    with pytest.raises(BackendError, match=r"load \(libnvinfer\.so\.10: "):
        load_tensorrt()


def test_no_memory_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("pycuda", "pycuda.driver", "cuda", "cuda.bindings", "cuda.bindings.driver"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BackendError, match=r"pycuda.*cuda-bindings \(.*\): .*install pycuda"):
        cuda_layer()


@pytest.mark.parametrize(("broken", "expected"), [((), "PyCuda"), (("pycuda.driver",), "CudaBindings")])
def test_pycuda_comes_first(monkeypatch: pytest.MonkeyPatch, broken: tuple[str, ...], expected: str) -> None:
    for package in ("pycuda", "pycuda.driver", "cuda", "cuda.bindings", "cuda.bindings.driver"):
        monkeypatch.setitem(sys.modules, package, None if package in broken else SimpleNamespace())  # type: ignore[arg-type]
    assert cuda_layer().func.__name__ == expected  # type: ignore[attr-defined]


def test_what_tensorrt_logs_is_for_debugging_and_its_errors_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    trt = FakeTensorRT()
    log = logger(trt)
    assert logger(trt) is log
    with caplog.at_level(logging.DEBUG):
        log.log(3, "a detail")
        log.log(trt.ILogger.ERROR, "a fault")
    assert "a detail" in caplog.text
    assert str(failure(log, ModelFileError, "it failed", "do this")) == "it failed (a fault): do this"
    assert str(failure(log, ModelFileError, "it failed", "do this")) == "it failed (TensorRT gave no reason): do this"


def test_a_driver_that_is_too_old() -> None:
    trt = FakeTensorRT()
    log = logger(trt)

    def null_pointer(log: object) -> None:
        log.log(trt.ILogger.WARNING, "CUDA initialization failure with error: 35")  # type: ignore[attr-defined]
        raise TypeError("pybind11::init(): factory function returned nullptr")

    with pytest.raises(BackendError, match=r"start \(CUDA .* 35\): .*NVIDIA"):
        start(null_pointer, log)

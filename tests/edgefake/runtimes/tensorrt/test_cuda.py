"""The probe of the driver and the memory layers on a fake ``libcuda.so.1``, compiled here.

pycuda and cuda-bindings are the real ones, where they are installed, each in a process of its own.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("fake_libcuda.c")
LAYERS = {"PyCuda": "pycuda.driver", "CudaBindings": "cuda.bindings.driver"}

PROBE = "from edgefake.runtimes.tensorrt.gpu import find_gpu; print(find_gpu())"
USE_MEMORY = """
import ctypes, importlib, sys, threading
import numpy as np
from edgefake.errors import BackendError
from edgefake.runtimes.tensorrt import cuda

layer = getattr(cuda, sys.argv[1])
held = ctypes.CDLL("libcuda.so.1").fake_held
opened = layer(importlib.import_module(sys.argv[2]), 0)
assert opened.stream and held() == 1
with opened.current():
    source, target, address = opened.host(100), opened.host(100), opened.device(100)
    source[:] = np.arange(100)
    target[:] = 7
    opened.upload(address, source[:50])
    opened.download(target[:50], address)
    opened.synchronize()
assert held() == 4 and target.tolist() == [*range(50), *[7] * 50]
try:
    with opened.current():
        opened.device(1 << 41)
    raise SystemExit("memory that is not there was given")
except BackendError as error:
    print(error)

def free():
    with opened.current():
        opened.free()

another = threading.Thread(target=free)
another.start()
another.join()
assert held() == 0, held()
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the fake driver in it."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc to compile the fake driver")
    library = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    source = SOURCE.read_text("utf-8")
    unused = (name for name in sorted(_linked_by_pycuda()) if f"int {name}(" not in source)
    stubs = "".join(f"int {name}(void) {{ return 801; }}\n" for name in unused)
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl", "-Wl,-soname,libcuda.so.1"]
    subprocess.run(command, input=source + stubs, text=True, check=True)
    return library.parent


def _linked_by_pycuda() -> set[str]:
    """All functions of the driver that must be there for pycuda to load."""
    found = importlib.util.find_spec("pycuda")
    if found is None or not found.submodule_search_locations:
        return set()
    (module,) = Path(found.submodule_search_locations[0]).glob("_driver*.so")
    symbols = subprocess.run(["nm", "-D", "--undefined-only", module], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r" U (cu[A-Z]\w*)$", symbols, re.MULTILINE))


def run(code: str, *arguments: str, libraries: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries), **environment}
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, check=False)


def test_the_gpu_is_named(driver: Path) -> None:
    assert run(PROBE, libraries=driver).stdout == "Gpu(name='Fake Orin', capability='8.7')\n"


def test_a_gpu_beyond_the_last_is_told(driver: Path) -> None:
    told = run(PROBE.replace("find_gpu())", "find_gpu(1))"), libraries=driver).stderr.splitlines()[-1]
    assert "BackendError: " in told and "below 1" in told and told.endswith("got 1")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("100", "the NVIDIA driver finds no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES, or use the tflite runtime"),
        ("803", "the NVIDIA driver does not start (CUDA_ERROR_FAKE): check nvidia-smi, then restart the machine"),
    ],
)
def test_a_driver_without_a_gpu(driver: Path, code: str, told: str) -> None:
    assert run(PROBE, libraries=driver, FAKE_CUDA_INIT=code).stderr.endswith(f"BackendError: {told}\n")


def test_no_driver(tmp_path: Path) -> None:
    (tmp_path / "libcuda.so.1").write_text("not a library, and before the real one")
    told = run(PROBE, libraries=tmp_path).stderr
    assert "BackendError: TensorRT needs an NVIDIA GPU and its driver, which is not installed here (" in told
    assert told.endswith("install it (on a Jetson it is part of JetPack), or use the tflite runtime\n")


@pytest.mark.parametrize("layer", LAYERS)
def test_memory_is_taken_copied_and_given_back(driver: Path, layer: str) -> None:
    package = LAYERS[layer].split(".")[0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package}")
    # pycuda may be linked without naming the driver's library.
    result = run(USE_MEMORY, layer, LAYERS[layer], libraries=driver, LD_PRELOAD=str(driver / "libcuda.so.1"))
    assert result.returncode == 0, result.stderr
    assert "the GPU has too little free memory" in result.stdout and "OUT_OF_MEMORY" in result.stdout
    assert result.stderr == ""

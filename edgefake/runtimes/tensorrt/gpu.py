"""Which GPU is here: asked of the driver itself, before anything that crashes without one."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from edgefake.errors import BackendError

_NO_DEVICE = 100
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that engines are built for and run on."""

    name: str
    capability: str
    """Compute capability: ``8.7`` is a Jetson Orin."""

    @property
    def has_int8(self) -> bool:
        """Whether it multiplies eight-bit numbers fast: not a Jetson Nano (5.3), not a TX2 (6.2)."""
        major, minor = map(int, self.capability.split("."))
        return (major, minor) >= (6, 1) and (major, minor) != (6, 2)


def find_gpu(number: int = 0) -> Gpu:
    """The one of this ``number`` among those that the driver shows to this process.

    Raises ``BackendError`` when there is no driver, no such GPU, or a driver that does not start.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise BackendError(
            f"TensorRT needs an NVIDIA GPU and its driver, which is not installed here ({error}): "
            "install it (on a Jetson it is part of JetPack), or use the tflite runtime"
        ) from error
    code = driver.cuInit(0)
    if code == _NO_DEVICE:
        raise BackendError("the NVIDIA driver finds no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES, or use the tflite runtime")
    if code:
        raise BackendError(
            f"the NVIDIA driver does not start ({_error_name(driver, code)}): check nvidia-smi, then restart the machine"
        )
    device, name, value = ctypes.c_int(), ctypes.create_string_buffer(256), ctypes.c_int()
    _check(driver, driver.cuDeviceGetCount(ctypes.byref(value)))
    if number >= value.value:
        raise BackendError(f"expected the number of a GPU below {value.value}, which is how many the driver shows, got {number}")
    _check(driver, driver.cuDeviceGet(ctypes.byref(device), number))
    _check(driver, driver.cuDeviceGetName(name, len(name), device))
    capability = []
    for attribute in (_MAJOR, _MINOR):
        _check(driver, driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device))
        capability.append(str(value.value))
    return Gpu(name.value.decode(errors="replace"), ".".join(capability))


def _check(driver: ctypes.CDLL, code: int) -> None:
    if code:
        raise BackendError(f"the NVIDIA driver does not answer ({_error_name(driver, code)}): check nvidia-smi")


def _error_name(driver: ctypes.CDLL, code: int) -> str:
    text = ctypes.c_char_p()
    driver.cuGetErrorName(code, ctypes.byref(text))
    return text.value.decode() if text.value else f"CUDA error {code}"

"""What a measurement was made on."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

import edgefake
from edgefake.system import available_cores, memory_mb

ROOT = Path("/")
ARITHMETIC = ("avx2", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm", "sve")
"""Processor features that INT8 inference gains from, as /proc/cpuinfo calls them."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Hardware and software, without anything that tells whose it is."""

    board: str | None
    """The model of a single-board computer, where the device tree names it."""
    processor: str
    architecture: str
    features: tuple[str, ...]
    cores: int
    """That this process may use."""
    memory_mb: int
    kernel: str
    python: str
    edgefake: str
    numpy: str
    opencv: str
    opencv_threads: int
    """They find faces and resize, whatever number of threads the runtime has."""

    @property
    def fingerprint(self) -> str:
        """The same for the same hardware and software."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:12]

    def __str__(self) -> str:
        features = f" ({', '.join(self.features)})" if self.features else ""
        return (
            f"{self.board or self.processor}{features}, {self.cores} cores, {self.memory_mb / 1e3:.1f} GB, {self.architecture}, "
            f"kernel {self.kernel}; Python {self.python}, edgefake {self.edgefake}, NumPy {self.numpy}, OpenCV {self.opencv}"
        )


def this_machine(root: Path = ROOT) -> Machine:
    facts = _cpuinfo(root)
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return Machine(
        board=_board(root),
        processor=facts.get("model name") or platform.processor() or platform.machine(),
        architecture=platform.machine(),
        features=tuple(feature for feature in ARITHMETIC if feature in flags),
        cores=available_cores(),
        memory_mb=memory_mb(),
        kernel=platform.release(),
        python=platform.python_version(),
        edgefake=edgefake.__version__,
        numpy=np.__version__,
        opencv=cv2.__version__,
        opencv_threads=cv2.getNumThreads(),
    )


def _cpuinfo(root: Path) -> dict[str, str]:
    """Of the first processor."""
    try:
        first = (root / "proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _board(root: Path) -> str | None:
    try:
        return (root / "proc/device-tree/model").read_text().strip("\0\n ") or None
    except OSError:
        return None

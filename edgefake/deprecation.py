"""What still works under an old name, until which version; nothing else here is deprecated."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deprecation:
    """An old name, what to write instead, and the versions (``major.minor``) of the change and of the old name's end."""

    old: str
    new: str
    since: str
    gone: str

    def __str__(self) -> str:
        return f"{self.old} is deprecated since edgefake {self.since} and will be gone in {self.gone}: write {self.new}"


DEPRECATIONS = {
    "backend": Deprecation("backend=", "runtime=", "0.2", "0.4"),
    "--backend": Deprecation("--backend", "--runtime", "0.2", "0.4"),
    "yunet_faces": Deprecation("edgefake.yunet_faces", 'faces="yunet:FILE" or edgefake.faces.yunet.YuNetFinder', "0.2", "0.4"),
    "onnx-cuda": Deprecation("the runtime onnx-cuda", "onnx with the device cuda", "0.2", "0.4"),
    "onnx-tensorrt": Deprecation("the runtime onnx-tensorrt", "onnx with the device tensorrt", "0.2", "0.4"),
}
"""By what the code that still takes an old name gives to ``warn``. A test fails in the version in which one should be gone."""


def warn(key: str) -> None:
    """Give the ``DeprecationWarning`` of ``key``, at the line outside this package that uses the old name."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "edgefake":
        level, frame = level + 1, frame.f_back
    warnings.warn(str(DEPRECATIONS[key]), DeprecationWarning, stacklevel=level)


def due(version: str) -> list[str]:
    """Those whose old name should be gone in ``version``."""
    return [key for key, deprecation in DEPRECATIONS.items() if _numbers(version) >= _numbers(deprecation.gone)]


def _numbers(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)

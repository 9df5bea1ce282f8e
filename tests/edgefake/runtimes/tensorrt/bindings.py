"""The real Python bindings of a TensorRT wheel, imported without TensorRT: its libraries are replaced by stubs that gcc makes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

_CHECK = """
import importlib, json, sys
trt = importlib.import_module(sys.argv[1])
missing = []
for class_, attribute in json.load(sys.stdin):
    if not hasattr(getattr(trt, class_) if class_ else trt, attribute):
        missing.append(f"{class_}.{attribute}".lstrip("."))
print(json.dumps([trt.__version__, missing]))
"""


def missing_attributes(wheel: Path, used: Iterable[tuple[str, str]], folder: Path) -> tuple[str, list[str]]:
    """The version of the bindings in ``wheel``, and which of the ``used`` (class, attribute) they lack.

    ``folder`` is for the unpacked bindings and the stubs. Asks for a Python of the wheel's version (``python3.10``) on the path.
    """
    with zipfile.ZipFile(wheel) as archive:
        # Of a wheel with all of TensorRT inside, the libraries stay where they are.
        archive.extractall(folder, [name for name in archive.namelist() if not re.search(r"/lib[^/]*\.so", name)])
    (module,) = folder.glob("*/tensorrt.so")
    _make_stubs(module, folder / "stubs")
    python = re.search(r"-cp3(\d+)-", wheel.name)
    assert python is not None
    own = sys.version_info[1] == int(python[1])
    command = [sys.executable if own else f"python3.{python[1]}", "-c", _CHECK, module.parent.name]
    environment = {**os.environ, "PYTHONPATH": str(folder), "LD_LIBRARY_PATH": str(folder / "stubs")}
    told = subprocess.run(command, input=json.dumps(sorted(used)), capture_output=True, text=True, env=environment, check=False)
    assert told.returncode == 0, told.stderr
    version, missing = json.loads(told.stdout)
    return version, missing


def _make_stubs(module: Path, stubs: Path) -> None:
    """A library for each of NVIDIA's that ``module`` needs; the first has all the symbols that it takes from any of them."""
    stubs.mkdir()
    dynamic = subprocess.run(["readelf", "-d", module], capture_output=True, text=True, check=True).stdout
    symbols = subprocess.run(["nm", "-D", "--undefined-only", module], capture_output=True, text=True, check=True).stdout
    wanted = re.findall(r" U ((?!_?Py|dl)\w+)$", symbols, re.MULTILINE)  # those of the C library carry a version after an @
    source = "".join(f"void *{name}(void) {{ return 0; }}\n" for name in wanted)
    for name in re.findall(r"\[(libnv[^\]]*)\]", dynamic):
        subprocess.run(["gcc", "-shared", "-x", "c", "-", "-o", stubs / name], input=source, text=True, check=True)
        source = ""

"""Processes that fork while a model is at work: children answer, or say why not, and end."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys, threading, time
import numpy as np
import edgefake
from edgefake.models.store import find_model

runtime, children = sys.argv[1], int(sys.argv[2])
crop = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8).repeat(16, axis=0).repeat(16, axis=1)
file = find_model("cnn_int8", suffix=".onnx" if runtime == "onnx" else ".tflite")
os.chdir(file.parent)
detector = edgefake.Detector(file.name, runtime=runtime, num_threads=min(2, os.cpu_count()))
(expected,) = detector.predict_faces([crop])
threading.Thread(target=lambda: [detector.predict_faces([crop]) for _ in iter(int, 1)], daemon=True).start()
time.sleep(0.1)


def judged():
    try:
        (got,) = detector.predict_faces([crop])
        detector.close()
        edgefake.Detector("cnn_int8", runtime=runtime, num_threads=1).close()
        return "the same" if got == expected else f"another answer: {got}"
    except edgefake.EdgefakeError as error:
        return f"{type(error).__name__}: {error}"


def outcome(reading, child):
    limit = time.monotonic() + 20
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > limit:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hangs"
        time.sleep(0.01)
    return os.read(reading, 1000).decode() or "crashed"


for _ in range(children):
    time.sleep(0.002)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.chdir("/")
        os.write(writing, judged().encode())
        os._exit(0)  # as multiprocessing's children end
    os.close(writing)
    print(outcome(reading, child), flush=True)
detector.predict_faces([crop])
os._exit(0)
"""


def outcomes(runtime: str, children: int) -> list[str]:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT, runtime, str(children)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert child.returncode == 0, child.stderr
    return child.stdout.splitlines()


@pytest.mark.parametrize(("runtime", "children"), [("tflite", 12), ("onnx", 4)])
def test_a_forked_child_judges(runtime: str, children: int) -> None:
    assert outcomes(runtime, children) == ["the same"] * children


def test_openvino_says_that_it_does_not_survive() -> None:
    told = outcomes("openvino", 4)
    assert len(told) == 4
    assert all(line.startswith("BackendError: this process was forked from one that uses OpenVINO") for line in told)


def test_multiprocessing_by_fork() -> None:
    script = (
        "import multiprocessing, numpy as np, edgefake\n"
        "detector = edgefake.Detector('cnn_int8')\n"
        "def judge(value): return detector.predict_faces([np.full((128, 128, 3), value, np.uint8)])[0].status.value\n"
        "judge(0)\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: print(*pool.map(judge, range(4)))\n"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert len(set(child.stdout.split())) == 1 and child.returncode == 0, child.stderr

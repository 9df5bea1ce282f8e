"""Doing a job in a fresh process: no case inherits another's memory, threads or caches, or dies with it."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from pathlib import Path

from edgefake.benchmark.accuracy import Accuracy
from edgefake.benchmark.plan import where
from edgefake.benchmark.worker import Job, Sample
from edgefake.errors import EdgefakeError

# Started like this rather than by multiprocessing, which imports edgefake before its import could be timed.
_CHILD = """
import sys, time
sys.path[:] = sys.argv[1:]
started = time.perf_counter()
from edgefake import Detector
seconds = time.perf_counter() - started
from edgefake.benchmark.plan import where
from edgefake.benchmark.worker import answer
answer(seconds)
"""


def measured(job: Job) -> Sample:
    """The job's latencies. Raises the ``EdgefakeError`` that the process met, or one that says how it died."""
    result = _done(job)
    assert isinstance(result, Sample)
    return result


def scored(job: Job) -> Accuracy:
    """The accuracy on ``job.data``. Raises like ``measured``."""
    result = _done(job)
    assert isinstance(result, Accuracy)
    return result


def _done(job: Job) -> object:
    command = [sys.executable, "-c", _CHILD, *sys.path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            answer, messages = child.communicate(pickle.dumps(job))
        except BaseException:
            child.kill()
            raise
    if child.returncode != 0:
        raise EdgefakeError(
            f"expected figures of {Path(job.model).name} on {where(job.runtime, job.device)}, got none: its process "
            f"{_end(child.returncode, messages)}"
        )
    result = pickle.loads(answer)
    if isinstance(result, EdgefakeError):
        raise result
    return result


def _end(code: int, messages: bytes) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        return f"was ended by {name}" + (": the device may have run out of memory" if name == "SIGKILL" else "")
    last = messages.decode(errors="replace").strip().splitlines()[-1:]
    return f"failed with code {code}: {''.join(last)}"

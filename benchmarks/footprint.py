"""What edgefake costs at start: import time, and the peak memory of one verdict."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.goals import Goal
from edgefake import EdgefakeError

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "tests" / "images" / "portrait.jpg"

BASE, OURS = "import cv2, numpy", "from edgefake import Detector"
"""What is imported; ``import edgefake`` by itself loads next to nothing."""

_TIMED = "import time; started = time.perf_counter(); {}; print(time.perf_counter() - started)"

# The peak is read by the process itself: what its parent sees includes the parent's own size at the fork.
_PREDICT = """
import sys
from edgefake.cli import main
from edgefake.system import peak_memory_mb
code = main(sys.argv[1:])
print(peak_memory_mb())
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Medians over fresh interpreters, and one run of ``edgefake predict``."""

    model: str
    processes: int
    import_base_s: float
    """Of ``BASE``."""
    import_edgefake_s: float
    """Of ``OURS``."""
    peak_mb: float
    """Peak resident memory of the process, in 10⁶ bytes."""

    @property
    def goals(self) -> tuple[Goal, ...]:
        extra = self.import_edgefake_s - self.import_base_s
        return (
            Goal(f"{OURS}, over {BASE}", extra, 0.35, "s"),
            Goal("peak memory of edgefake predict", self.peak_mb, 250.0, "MB"),
        )

    def __str__(self) -> str:
        return (
            f"{self.model}, {PICTURE.name}; medians of {self.processes} fresh interpreters\n"
            f"{BASE:<30}{self.import_base_s:8.3f} s\n"
            f"{OURS:<30}{self.import_edgefake_s:8.3f} s"
        )


def measure_footprint(model: str | os.PathLike[str], *, processes: int = 12) -> Footprint:
    """Import in ``processes`` fresh interpreters each way, in turn, and run ``edgefake predict`` once (Linux: reads /proc)."""
    base, ours = [], []
    for _ in range(processes):
        base.append(float(_python(_TIMED.format(BASE))))
        ours.append(float(_python(_TIMED.format(OURS))))
    return Footprint(Path(model).stem, processes, statistics.median(base), statistics.median(ours), _peak_mb(model))


def _peak_mb(model: str | os.PathLike[str]) -> float:
    answer, peak = _python(_PREDICT, "predict", "--json", "--model", os.fspath(model), str(PICTURE)).splitlines()
    status = json.loads(answer)["status"]
    if status != "ok":
        raise EdgefakeError(f"expected {PICTURE} to be scored, its status is {status}: the peak would miss the model's run")
    return float(peak)


def _python(code: str, *arguments: str) -> str:
    """What ``code`` prints in a fresh interpreter. Raises ``EdgefakeError`` when it fails (exit codes 0 and 1 are verdicts)."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT)
    if done.returncode not in (0, 1) or not done.stdout:
        raise EdgefakeError(f"a measured process failed ({done.returncode}): {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.footprint import OURS, ROOT, Footprint, measure_footprint
from edgefake import EdgefakeError

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")


@linux_only
def test_measures_import_and_memory_of_real_processes() -> None:
    result = measure_footprint("cnn_int8", processes=1)
    assert result.processes == 1
    assert result.import_base_s > 0
    assert result.import_edgefake_s > 0
    assert 20 < result.peak_mb < 2000  # NumPy and OpenCV alone take more than the one, no model of ours the other


def test_what_is_imported_brings_numpy_and_opencv() -> None:
    code = f"{OURS}; import sys; print({{'cv2', 'numpy'}} <= {{*sys.modules}})"  # else their time would count as saved
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout == "True\n"


@linux_only
def test_a_failing_process_is_told_and_not_measured() -> None:
    with pytest.raises(EdgefakeError, match="no_such_model"):
        measure_footprint("no_such_model", processes=1)


def test_goals_are_the_extra_import_time_and_the_peak() -> None:
    time, memory = Footprint("m", 10, import_base_s=0.2, import_edgefake_s=0.6, peak_mb=100.0).goals
    assert time.value == pytest.approx(0.4)
    assert not time.met
    assert memory.met

"""Commands that load TensorFlow begin with lines of ours."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["training.runs", "convert.tflite"])
def test_tensorflow_starts_without_a_word(package: str) -> None:
    script = f"import {package}, warnings, tensorflow as tf\nprint(tf.add(1, 1).numpy()); warnings.warn('ours')"
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert child.stdout == "2\n"
    assert child.stderr == "<string>:2: UserWarning: ours\n"

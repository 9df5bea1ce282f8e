"""Schemathesis asks what the OpenAPI document describes, and what it does not, and holds the answers against it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.edgefake.serve.serving import Held, serving

KEY = "0123456789abcdef"
KNOWN = """
[parameters]
"path.model" = "held"
"path.version" = "1"

[checks.positive_data_acceptance]
enabled = false  # most of what is "binary" is no picture, and is refused
"""


def test_answers_are_as_described(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(KNOWN)
    with serving(Held().detector, keys=[KEY]) as running:
        command = [Path(sys.executable).with_name("st"), "run", f"{running.server.url}/openapi.json", "--max-examples", "3"]
        options = ["--generation-deterministic", "--header", f"Authorization: Bearer {KEY}", "--no-color"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=tmp_path)
        page, _ = running.service.metrics.page()
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"\nedgefake_errors_total 0.0\n" in page

"""The unit files, by systemd's own checks where they are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgefake.service.unit import GROUPS, MARK, SERVICES, quoted, unit_text

ROOT = Path(__file__).parents[3]
needs_systemd_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def test_the_one_that_is_deployed_is_rendered_from_the_template() -> None:
    service = SERVICES["watch"]
    rendered = unit_text(service, config=service.config, python="/opt/edgefake/bin/python3", groups=GROUPS)
    assert (ROOT / "deploy" / "edgefake.service").read_text() == rendered


@pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))
def test_what_it_says(service) -> None:  # type: ignore[no-untyped-def]
    text = unit_text(service, config=service.config)
    assert text.startswith(MARK) and "$" not in text.replace("$MAINPID", "").replace("${NAME}", "")
    assert ("ExecReload=" in text) is service.reloads
    assert "\nUser=edgefake\n" in text  # of all: they share a folder, which systemd gives to the user of one
    assert f"\nWatchdogSec={service.watchdog_s}\n" in text
    assert f"ExecStart={sys.executable} -m edgefake {' '.join(service.arguments)} {service.config}" in text


@needs_systemd_analyze
@pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))
def test_systemd_understands_it_and_finds_little_exposed(service, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / f"{service.name}.service"
    path.write_text(unit_text(service, config=tmp_path / "with space and %.toml"))
    verified = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr, verified.stdout) == (0, "", "")
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=25", str(path)]
    exposed = subprocess.run(command, capture_output=True, text=True)
    level = re.search(r"Overall exposure level for \S+: (\S+)", exposed.stdout)
    assert exposed.returncode == 0 and level is not None and float(level[1]) <= 2.5, exposed.stdout[-500:]


@pytest.mark.parametrize(
    "word, wanted",
    [("/a/b", "/a/b"), ("/a b", '"/a b"'), ("100%", '"100%%"'), ("$HOME", '"$$HOME"'), ('a"b', '"a\\"b"'), ("a'b", '"a\'b"')],
)
def test_words_are_one_word_for_systemd(word: str, wanted: str) -> None:
    assert quoted(word) == wanted

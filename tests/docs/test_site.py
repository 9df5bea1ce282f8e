"""The documentation as a site: built strictly, with what is made for it, and nothing from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import edgefake
from edgefake.cli.commands import COMMANDS
from tests.docs.blocks import ROOT

pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install -e '.[docs]'")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as ``mkdocs build --strict`` does: a link to nowhere, or a docstring that cannot be shown, fails it.

    Not ``--quiet``, which hides warnings from ``--strict`` too.
    """
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_commands_and_names_are_in_it(site: Path) -> None:
    commands = (site / "command-line" / "index.html").read_text()
    for module in COMMANDS:
        assert f'id="edgefake-{module.__name__.rpartition(".")[2].replace("_", "-")}"' in commands
    assert 'id="python-m-training-fit"' in commands and 'id="python-m-convert-all"' in commands
    names = (site / "api" / "index.html").read_text()
    assert [name for name in edgefake.__all__ if f'id="edgefake.{name}"' not in names] == []
    assert "| page |" not in (contributing := (site / "contributing" / "index.html").read_text()) and "photos.md" in contributing


def test_every_page_is_in_the_navigation(site: Path) -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("nav:")[2]
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f" {path.name}\n" not in navigation] == []


def test_pages_load_nothing_from_outside(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?(https?://[^\"> ]*)", page.read_text())
        assert loaded == [], page.name

"""The code in the documentation, block by block, and how a block is executed.

A block is run unless the line before it says why not: ``<!-- not run: needs a camera -->``, or ``<!-- parsed: takes hours -->``,
whose command lines are at least read by the parsers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LANGUAGES = ("python", "sh")
_PATHS = ("README.md", "CONTRIBUTING.md", "docs/*.md", "benchmarks/results/README.md")
PAGES = {path.relative_to(ROOT).as_posix(): path for pattern in _PATHS for path in sorted(ROOT.glob(pattern))}
_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>not run|parsed): (?P<why>[^\n]+) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_OURS = re.compile(r"edgefake |python3? -m (edgefake|training|convert|benchmarks) ")


@dataclass(frozen=True)
class Block:
    """Code of a page."""

    line: int
    language: str
    code: str
    mark: str | None
    why: str | None

    def commands(self) -> Iterator[str]:
        """The command lines of this project, of a block of shell."""
        for line in _whole_lines(self.code):
            for command in re.split(r"&&|\|\||;", line):
                text = re.split(r" [#<>]", command)[0].strip().removeprefix(".venv/bin/")
                if _OURS.match(f"{text} "):
                    yield text


def _whole_lines(code: str) -> Iterator[str]:
    """The lines of a shell, of which a quotation or a backslash may take several of the page's."""
    line = ""
    for part in re.sub(r"\\\n\s*", "", code).splitlines():
        line += part
        if line.count('"') % 2 == 0:
            yield line
            line = ""


def blocks(path: Path) -> list[Block]:
    """Those that are code, in their order."""
    text = path.read_text("utf-8")
    return [
        Block(text[: match.start("code")].count("\n") + 1, match["language"], match["code"], match["mark"], match["why"])
        for match in _BLOCK.finditer(text)
        if match["language"] in LANGUAGES
    ]


def run_python(path: Path, block: Block, session: dict[str, object], here: Mapping[str, str]) -> None:
    """Execute ``block`` in the session of its page; lines of a traceback are the page's."""
    code = "\n" * (block.line - 1) + replaced(block.code, here)
    exec(compile(code, str(path), "exec"), session)


_TRAP = r"""
set -Eu -o pipefail
trap 'code=$?
case "$BASH_COMMAND" in edgefake\ [prvw]*|edgefake\ scan*) [ $code = 1 ] || [ $code = 3 ] && code=0;; esac
[ $code = 0 ] || { echo "exit code $code: $BASH_COMMAND" >&2; exit $code; }' ERR
"""
"""What ends a block is a command that fails; that something was called fake or unsure is no failure (of predict, report,
scan, video and watch)."""


def run_shell(block: Block, folder: Path, here: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Execute ``block`` in ``folder``, with the commands of this environment and this checkout."""
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-c", f"{_TRAP}{replaced(block.code, here)}\nexit 0"],
        cwd=folder,
        env={**os.environ, "PATH": paths, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def replaced(code: str, here: Mapping[str, str]) -> str:
    for there, ours in here.items():
        code = code.replace(there, ours)
    return code

"""What MkDocs does with these pages: commands from the parsers, pages from elsewhere in the checkout, links that lead there."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "changelog.md": "CHANGELOG.md",
    "training-results.md": "training/RESULTS.md",
    "machines.md": "benchmarks/results/README.md",
    **{f"zoo/{page.stem}.md": page.relative_to(ROOT).as_posix() for page in sorted((ROOT / "edgefake" / "zoo").glob("*.md"))},
}
"""Pages of the site whose text stands elsewhere."""
PAGE_OF = {source: page for page, source in ELSEWHERE.items()}
PAGE_OF |= {"edgefake/zoo": "results.md", "benchmarks/results": "machines.md"}


def on_files(files: Files, config: Any) -> Files:
    """Take in the pages from elsewhere."""
    sys.path.insert(0, str(ROOT))  # the checkout's own modules, not those that are installed
    os.environ["COLUMNS"] = "100"  # what argparse wraps its help at
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Fill in what is made, and turn links."""
    path = page.file.src_uri
    if path == "command-line.md":
        markdown = markdown.replace("<!-- parsers -->", "\n".join(command_lines()))
    if path == "contributing.md":
        markdown += "\n".join(["", "## Code on these pages", "", *counted()])
    source = ELSEWHERE.get(path, f"docs/{path}")
    return re.sub(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<to>[^)#:]+)(?P<anchor>#[^)]*)?\)", lambda m: _link(m, source, path), markdown)


def _link(match: re.Match[str], source: str, page: str) -> str:
    """A link within the site as it is; one to a file of the checkout as that file's name, since only the checkout has it."""
    target = os.path.normpath(os.path.join(os.path.dirname(source), match["to"]))
    there = PAGE_OF.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
    if there is None:
        return match["text"] if match["text"].startswith("`") else f"{match['text']} (`{target}`)"
    return f"[{match['text']}]({os.path.relpath(there, os.path.dirname(page) or '.')}{match['anchor'] or ''})"


def command_lines() -> Iterator[str]:
    """Every command of the library and of the checkout, as its help prints it."""
    import benchmarks.cli
    import convert.cli
    import edgefake.cli.commands
    import training.cli

    for title, module in (
        ("edgefake", edgefake.cli.commands),
        ("From a checkout: python -m training", training.cli),
        ("From a checkout: python -m convert", convert.cli),
        ("From a checkout: python -m benchmarks", benchmarks.cli),
    ):
        yield from (f"## {title}", "", *_help(module.parser(), 3))


def _help(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    yield from ("```text", parser.format_help().rstrip(), "```", "")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from (f"{'#' * level} {command.prog}", "", *_help(command, level + 1))


def counted() -> Iterator[str]:
    """How many blocks of code the tests execute, page by page."""
    from tests.docs.blocks import PAGES, blocks

    yield from ("| page | run by the tests | read by the parsers | not run |", "|---|---|---|---|")
    total: Counter[str] = Counter()
    for name, path in PAGES.items():
        count = Counter(block.mark or "run" for block in blocks(path))
        total += count
        if count:
            yield f"| {name} | {count['run']} | {count['parsed']} | {count['not run']} |"
    yield f"| all | {total['run']} | {total['parsed']} | {total['not run']} |"
    yield ""
    yield from ("| not run | why |", "|---|---|")
    for name, path in PAGES.items():
        yield from (f"| {name}, line {block.line} | {block.why} |" for block in blocks(path) if block.mark == "not run")

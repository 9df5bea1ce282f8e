"""``docs/architecture.md`` shows the layers that the imports have."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PICTURE = (ROOT / "docs" / "architecture.md").read_text()
MODULES = sorted((ROOT / "edgefake").rglob("*.py"))


def layers() -> dict[str, int]:
    """Height by name below ``edgefake``, 0 the lowest."""
    block = re.search(r"^```layers\n(.*?)^```", PICTURE, re.MULTILINE | re.DOTALL)
    assert block
    lines = block[1].strip().splitlines()
    return {name: height for height, line in enumerate(reversed(lines)) for name in line.split()}


def named(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported may be a module itself.
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def height(module: str, known: dict[str, int]) -> int | None:
    """That of the longest name in the picture that ``module`` is, or is in."""
    parts = module.removeprefix("edgefake").lstrip(".").split(".")
    fitting = (known.get(".".join(parts[:count])) for count in range(len(parts), 0, -1))
    return next((h for h in fitting if h is not None), None)


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_modules_import_their_own_layer_and_those_below(path: Path) -> None:
    module, known = named(path), layers()
    if module == "edgefake":
        return  # the public door: it names everything and loads nothing
    own = height(module, known)
    assert own is not None, f"{module} is not in the picture of docs/architecture.md"
    above = {
        name
        for name in imports(path)
        if name.startswith("edgefake.") and (there := height(name, known)) is not None and there > own
    }
    assert not above, f"{module} imports from above: {', '.join(sorted(above))}"


def test_every_name_in_the_picture_is_there() -> None:
    there = {named(path).removeprefix("edgefake.") for path in MODULES}
    assert not {*layers()} - there


MAY_IMPORT = {
    "edgefake": {"edgefake"},
    "training": {"edgefake", "training"},
    "convert": {"edgefake", "training", "convert"},
    "benchmarks": {"edgefake", "training", "convert", "benchmarks"},
}


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_the_direction_between_the_folders(folder: str) -> None:
    allowed = MAY_IMPORT[folder]
    ours = {"edgefake", "training", "convert", "benchmarks"}
    for path in sorted((ROOT / folder).rglob("*.py")):
        wrong = {name.partition(".")[0] for name in imports(path)} & ours - allowed
        assert not wrong, f"{named(path)} imports {', '.join(sorted(wrong))}"

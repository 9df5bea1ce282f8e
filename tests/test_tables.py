"""Every row of the tables in which things are entered has its extra, its line in the docs and its test; see CONTRIBUTING.md."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgefake.cli.commands import COMMANDS
from edgefake.faces import FINDERS
from edgefake.models.forms import FORMS
from edgefake.runtimes import RUNTIMES
from edgefake.sinks import SINKS
from edgefake.streaming.sources import SOURCES
from training.recipes import RECIPES

ROOT = Path(__file__).parents[1]
DOCS = "\n".join(
    path.read_text() for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
)
BUNDLED = {"ai_edge_litert", "cv2", "edgefake", "numpy", "simplejpeg"}
"""What comes with edgefake itself."""


@dataclass(frozen=True)
class Row:
    """What a row of a table must have."""

    table: str
    name: str
    module: str
    told: str
    """How the docs name it: a regular expression."""
    tested: str
    """What a test of its module has in it."""
    extra: str | None = None


def last(module: str) -> str:
    return module.rpartition(".")[2]


ROWS = [
    *(Row("RUNTIMES", name, row.module, f'"{name}"', "check_runtime(", row.extra) for name, row in RUNTIMES.items()),
    *(Row("FORMS", name, row.check.__module__, f"`{re.escape(name)}`", f'{name}"') for name, row in FORMS.items()),
    *(Row("FINDERS", name, row.module, rf"\b{name}\b", "check_finder(", row.extra) for name, row in FINDERS.items()),
    *(Row("SINKS", name, row.module, f"--{name}", "check_sink(", row.extra) for name, row in SINKS.items()),
    *(
        Row("SOURCES", name, row.module, re.escape(row.examples[0].strip('"').split(" ")[0]), "find_source(")
        for name, row in SOURCES.items()
    ),
    *(
        Row("COMMANDS", name, module.__name__, f"edgefake {name}", f'"{name}')
        for module in COMMANDS
        for name in [last(module.__name__).replace("_", "-")]
    ),
]


def extras() -> set[str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return set(setup["options.extras_require"])


def imports(module: str) -> set[str]:
    """What a module imports, or all those of a package, anywhere in them."""
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin)
    found: set[str] = set()
    for file in path.parent.rglob("*.py") if path.name == "__init__.py" else [path]:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {*names, node.module or ""} if isinstance(node, ast.ImportFrom) else {*names}
    return {name.partition(".")[0] for name in found}


def files_for(row: Row) -> list[Path]:
    """Files that may test it: those named after its module, or in a folder that is; of forms all, as one test is for all."""
    name = "*" if row.table == "FORMS" else last(row.module)
    folder = ROOT / "tests" / "edgefake"
    return [*folder.rglob(f"test_{name}.py"), *folder.rglob(f"{name}/test_*.py")]


def lacking(row: Row) -> list[str]:
    """What a row has not got."""
    foreign = imports(row.module) - BUNDLED - sys.stdlib_module_names
    missing = []
    if row.extra not in {None, *extras()}:
        missing.append(f"the extra {row.extra} in setup.cfg")
    if foreign and row.extra is None:
        missing.append(f"an extra that brings {', '.join(sorted(foreign))}")
    if not re.search(row.told, DOCS, re.IGNORECASE):
        missing.append(f"a line with {row.told} in README.md, CONTRIBUTING.md or docs")
    if not any(row.tested in path.read_text() for path in files_for(row)):
        missing.append(f"a test_{last(row.module)}.py with {row.tested}")
    return missing


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.table}-{row.name}")
def test_a_row_has_all_that_belongs_to_it(row: Row) -> None:
    assert lacking(row) == []


def test_what_a_row_lacks_is_seen() -> None:
    assert len(lacking(Row("RUNTIMES", "hailo", "edgefake.runtimes.onnx", '"hailo"', "check_hailo(", None))) == 3
    assert len(lacking(Row("RUNTIMES", "hailo", "edgefake.runtimes.onnx", '"hailo"', "check_hailo(", "hailo"))) == 3


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_its_results(name: str) -> None:
    """``tests/training/test_zoo.py`` builds each of them."""
    assert re.search(rf"\b{name}\b", (ROOT / "training" / "RESULTS.md").read_text())
    assert '@pytest.mark.parametrize("name", RECIPES)' in (ROOT / "tests" / "training" / "test_zoo.py").read_text()

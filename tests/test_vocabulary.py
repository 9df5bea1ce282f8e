"""One word per thing, one definition per word: what had to agree in several places is held to stand in one.

Each rule names every place where its pattern may be found, so that a rule that finds nothing any more fails too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("edgefake", "training", "convert", "benchmarks")
SOURCES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}

Hits = Callable[[ast.AST], Iterator[object]]


def classes(*names: str) -> Hits:
    """Definitions of classes of these names."""
    return lambda tree: (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name in names)


def functions(*names: str) -> Hits:
    """Definitions of functions of these names that are no methods, private ones too."""
    return lambda tree: (
        node
        for node in ast.walk(tree)
        if not isinstance(node, ast.ClassDef)
        for node in ast.iter_child_nodes(node)
        if isinstance(node, ast.FunctionDef) and node.name.lstrip("_") in names
    )


def texts(text: str) -> Hits:
    """Where it is written as a string by itself; docstrings say more than that."""
    return lambda tree: (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value == text)


def code(text: str) -> Hits:
    """Expressions that mean ``text``."""
    wanted = ast.parse(text, mode="eval").body
    return lambda tree: (node for node in ast.walk(tree) if type(node) is type(wanted) and ast.dump(node) == ast.dump(wanted))


def imported(*names: str) -> Hits:
    """Names that come from other modules."""
    return lambda tree: (
        alias for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names if alias.name in names
    )


def margins(tree: ast.AST) -> Iterator[object]:
    """Numbers that are given as a margin."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            option = any(isinstance(given, ast.Constant) and given.value == "--margin" for given in node.args)
            names = {"margin", "crop_margin", *(["default"] if option else [])}
            yield from (k for k in node.keywords if k.arg in names and isinstance(k.value, ast.Constant) and k.value.value)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            yield from (target for target in node.targets if "MARGIN" in ast.unparse(target))


def called_backend(tree: ast.AST) -> Iterator[object]:
    """Parameters, arguments, attributes and variables of this name."""
    for node in ast.walk(tree):
        name = getattr(node, "attr", getattr(node, "arg", getattr(node, "id", None)))
        if name in ("backend", "backends"):
            yield node


RULES: dict[str, tuple[Hits, dict[str, int]]] = {
    "Interval": (classes("Interval", "Figure", "Estimate"), {"edgefake/statistics.py": 1}),
    "95 % of resamples": (code("(2.5, 97.5)"), {"edgefake/statistics.py": 1}),
    "Summary": (classes("Summary", "Timing"), {"edgefake/statistics.py": 1}),
    "auc": (functions("auc", "roc_auc"), {"edgefake/statistics.py": 1}),
    "scikit-learn's auc": (imported("roc_auc_score", "roc_curve"), {"training/metrics.py": 1, "training/report/plots.py": 1}),
    # The soft labels of a teacher: a softmax where there are several classes.
    "SciPy's log-odds": (imported("logit", "expit", "special"), {"training/qat.py": 1}),
    "log-odds": (functions("log_odds", "log_odds_of", "logit", "fake_log_odds", "class_log_odds"), {"edgefake/odds.py": 3}),
    "p_fake of log-odds": (functions("p_fake_of", "sigmoid", "expit", "probability"), {"edgefake/odds.py": 1}),
    "Pixels": (code("npt.NDArray[np.uint8]"), {"edgefake/pixels.py": 1, "edgefake/runtimes/tensorrt/cuda.py": 1}),
    "default model": (texts("lite0_local_int8"), {"edgefake/defaults.py": 1}),
    # training/decision.py names the threshold that it fits.
    "default threshold": (texts("fpr_5%"), {"edgefake/defaults.py": 1, "training/decision.py": 1}),
    "default margin": (margins, {"edgefake/defaults.py": 1}),
    "runtime": (called_backend, {"edgefake/detector.py": 6, "edgefake/streaming/sources/opencv.py": 2}),
    "Runtime, Scorer, FaceFinder, Sink, Face, Box, ModelFile": (
        classes("Runtime", "Scorer", "FaceFinder", "Sink", "Face", "Box", "ModelFile"),
        {
            "edgefake/runtimes/__init__.py": 1,
            "edgefake/scorer.py": 1,
            "edgefake/faces/finders.py": 1,
            "edgefake/sinks/base.py": 1,
            "edgefake/faces/geometry.py": 2,
            "edgefake/models/file.py": 1,
        },
    ),
}


@pytest.mark.parametrize("word", RULES)
def test_one_definition_per_word(word: str) -> None:
    hits, places = RULES[word]
    found = {path: len(list(hits(tree))) for path, tree in SOURCES.items()}
    assert {path: count for path, count in found.items() if count} == places

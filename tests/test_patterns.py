"""Tests pin the type of an error and the facts in it (names, numbers, paths), so that its sentence can be improved any day."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MOST = 2
"""So many words of English may follow each other in a pattern: ``no face``, ``damaged``."""
WORD = r"(?<![\w'’./=-])[A-Za-z]?[a-z]*(?:[’'][a-z]+)?(?![\w'’/=-]|\.\w)"
WORDS = re.compile(rf"{WORD}(?:\s+{WORD})*")


def patterns(source: str) -> Iterator[tuple[int, str | None]]:
    """Line and text of each ``match=``; None where the text is neither written there nor bound to that name in the same file."""
    tree = ast.parse(source)
    bound = _bound(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.keyword) or node.arg != "match":
            continue
        if isinstance(node.value, ast.Name):
            texts = bound[node.value.id]
            yield from ((node.value.lineno, text) for text in texts or [None])
        else:
            yield node.value.lineno, _text(node.value)


def _bound(tree: ast.Module) -> dict[str, list[str]]:
    """The texts that names stand for: by assignment, in a loop over literals, as a column of ``parametrize``."""
    found: dict[str, list[str]] = defaultdict(list)
    tables = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def bind(names: list[str], value: ast.expr) -> None:
        row = value.args if isinstance(value, ast.Call) else value.elts if isinstance(value, ast.Tuple) else [value]
        for name, cell in zip(names, row if len(names) > 1 else [value], strict=False):
            found[name].append(_text(cell) or "0")

    def bind_rows(names: list[str], rows: ast.expr) -> None:
        rows = tables.get(rows.id, rows) if isinstance(rows, ast.Name) else rows
        if isinstance(rows, ast.List | ast.Tuple):
            for row in rows.elts:
                bind(names, row)
        else:
            bind(names, rows)  # names from elsewhere, which are facts

    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            bind(_names(node.targets[0]), node.value)
        elif isinstance(node, ast.For):
            bind_rows(_names(node.target), node.iter)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "parametrize":
            bind_rows(_names(node.args[0]), node.args[1])
    return found


def _names(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Tuple | ast.List):
        return [name for part in node.elts for name in _names(part)]
    return [node.id if isinstance(node, ast.Name) else str(getattr(node, "value", ""))]


def _text(node: ast.expr) -> str | None:
    """What a literal or an f-string says, a number in the place of what it computes."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) or "0" for part in parts)
        case ast.BinOp(left=left, right=right):
            return (_text(left) or "0") + (_text(right) or "0")
        case ast.Call(func=ast.Attribute(attr="escape"), args=[text]):
            return _text(text) or "0"
        case ast.Name():
            return None
    return "0"


def longest(pattern: str) -> int:
    plain = re.sub(r"\.[*+]|\\[A-Za-z][*+]?", "|", pattern).replace("\\", "")
    return max((len(words.split()) for words in WORDS.findall(plain)), default=0)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("the file is no model: give one", 5),
        (r"line 3 .*'reel' .*real, fake", 1),
        (r"a\.png .*\(130×90\)", 0),
        ("no face.* 0.5", 2),
    ],
)
def test_sentences_are_told_from_facts(pattern: str, words: int) -> None:
    assert longest(pattern) == words


def test_patterns_are_found_wherever_they_are_written() -> None:
    source = """
import pytest
ROWS = [(1, "a row of a table")]
@pytest.mark.parametrize(("value", "said"), ROWS)
def test(value, said):
    told = "an assigned sentence"
    for other, fault in [(1, "in a loop")]:
        raises(E, match=said), raises(E, match=told), raises(E, match=fault), raises(E, match=f"as {x}"), raises(E, match=x)
"""
    assert [text for _, text in patterns(source)] == ["a row of a table", "an assigned sentence", "in a loop", "as 0", None]


def test_no_test_pins_a_sentence() -> None:
    pinned = [
        f"{path.relative_to(TESTS)}:{line}: {text or 'a text from elsewhere'}"
        for path in sorted(TESTS.rglob("*.py"))
        if path != Path(__file__)
        for line, text in patterns(path.read_text())
        if text is None or longest(text) > MOST
    ]
    assert not pinned, "\n".join(pinned)

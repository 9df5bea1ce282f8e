"""Two reports side by side: what became faster or slower, and what only looks like it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from edgefake.benchmark.figures import Samples, in_order, ratio
from edgefake.benchmark.plan import NUMBERS, case_name, where
from edgefake.benchmark.report import SCHEMA
from edgefake.errors import InputError
from edgefake.runtimes import OLD_NAMES
from edgefake.schema import SCHEMA as COMPARISON
from edgefake.statistics import Interval
from edgefake.tables import markdown_table

Word = Literal["faster", "slower", "no difference"]


class Key(NamedTuple):
    """What a figure is of."""

    model: str
    runtime: str
    device: str | int | None
    threads: int
    batch: int
    streams: int
    what: str
    """``inference`` or ``file to verdict``."""

    @property
    def where(self) -> str:
        return where(self.runtime, self.device)

    def __str__(self) -> str:
        return f"{self.what} of {case_name(self.model, self.where, {name: getattr(self, name) for name in NUMBERS})}"


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both reports."""

    key: Key
    ratio: Interval
    """Median latency of the second report over that of the first."""

    @property
    def word(self) -> Word:
        if self.ratio.holds(1.0):
            return "no difference"
        return "slower" if self.ratio.value > 1 else "faster"

    def is_regression(self, tolerance: float) -> bool:
        """Whether it is slower beyond doubt, and by more than ``tolerance``."""
        return self.word == "slower" and self.ratio.value > 1 + tolerance


@dataclass(frozen=True, slots=True)
class Comparison:
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    """What keeps the two from being compared fairly, or at all."""
    tolerance: float

    @property
    def regressions(self) -> list[Change]:
        return [change for change in self.changes if change.is_regression(self.tolerance)]

    def to_json(self) -> str:
        rows = [{**c.key._asdict(), "ratio": asdict(c.ratio), "outcome": c.word} for c in self.changes]
        regressions = [change.key._asdict() for change in self.regressions]
        about = {"notes": self.notes, "tolerance": self.tolerance, "regressions": regressions}
        return json.dumps({"schema": COMPARISON, "rows": rows, **about})

    def to_markdown(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        head = ["model", "runtime", "threads", "batch", "streams", "what", "second / first", "outcome"]
        rows = [self._cells(change) for change in self.changes]
        if all(change.key.streams == 1 for change in self.changes):
            head, *rows = ([*cells[:4], *cells[5:]] for cells in (head, *rows))  # it should fit a terminal
        yield from markdown_table(head, rows)
        yield from (f"- {note}" for note in self.notes)
        count = len(self.regressions)
        yield f"\n{count or 'No'} regression{'' if count == 1 else 's'} of more than {100 * self.tolerance:g} %."

    def _cells(self, change: Change) -> list[str]:
        mark = " (regression)" if change.is_regression(self.tolerance) else ""
        return [change.key.model, change.key.where, *map(str, change.key[3:]), f"{change.ratio:.3f}", change.word + mark]


def compare(first: Path, second: Path, *, tolerance: float) -> Comparison:
    """Compare the rows that both reports have, by the runs in them.

    Raises ``InputError`` when one cannot be read or is of another schema, or they have no row in common.
    """
    if not tolerance >= 0:
        raise InputError(f"expected a tolerance of 0 or more, such as 0.05 for 5 %, got {tolerance}")
    a, b = _read(first), _read(second)
    changes = tuple(Change(key, ratio(a.runs[key], b.runs[key])) for key in a.runs if key in b.runs)
    if not changes:
        raise InputError(
            f"{first} and {second} have no row in common: compare runs of the same models, threads, batches and streams"
        )
    notes = [f"{path} was interrupted" for path, report in ((first, a), (second, b)) if report.interrupted]
    if a.fingerprint != b.fingerprint:
        notes.append("the reports are of different machines or versions: " + ", ".join(_differences(a.machine, b.machine)))
    if a.faces != b.faces:
        notes.append(f"other face finders, whose time is in that from file to verdict: {a.faces} and {b.faces}")
    notes += [f"warning in {path}: {text}" for path, report in ((first, a), (second, b)) for text in report.warnings]
    notes += [f"only in {first}: {key}" for key in a.runs if key not in b.runs]
    notes += [f"only in {second}: {key}" for key in b.runs if key not in a.runs]
    notes += [f"another model file: {name}" for name in a.files if name in b.files and a.files[name] != b.files[name]]
    return Comparison(changes, tuple(notes), tolerance)


@dataclass(frozen=True, slots=True)
class _Runs:
    """What comparing needs of a report."""

    runs: dict[Key, Samples]
    files: dict[str, str]
    """SHA-256 by model and place."""
    machine: dict[str, Any]
    fingerprint: str
    faces: str
    interrupted: bool
    warnings: list[str]


def _read(path: Path) -> _Runs:
    try:
        value = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path} is no JSON: give a file that `edgefake benchmark --json` printed") from error
    schema = value.get("schema") if isinstance(value, dict) and value.get("tool") == "edgefake benchmark" else None
    if schema is None:
        raise InputError(f"{path} is no benchmark report: give a file that `edgefake benchmark --json` printed")
    if schema not in (SCHEMA, *UPGRADES):
        readable = f"{', '.join(map(str, UPGRADES))} and {SCHEMA}"
        raise InputError(f"{path} has schema {schema}, this version reads {readable}: measure again with it")
    try:
        return _decoded(UPGRADES[schema](value) if schema in UPGRADES else value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}): measure again") from error


def _from_2_to_3(value: dict[str, Any]) -> dict[str, Any]:
    """The runtime was called backend, and named its device."""
    rows = []
    for row in value["rows"]:
        runtime, device = OLD_NAMES.get(row["backend"], (row["backend"], None))
        rows.append({**row, "runtime": runtime, "device": device})
    return {**value, "rows": rows}


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {2: _from_2_to_3}
"""From an older schema to today's, as far as comparing needs it."""


def _decoded(value: Mapping[str, Any]) -> _Runs:
    runs: dict[Key, Samples] = {}
    for row in value["rows"]:
        key = Key(str(row["model"]), str(row["runtime"]), row["device"], **_numbers(row), what="inference")
        runs[key] = [in_order(list(map(_latencies, process["infer_ms"]))) for process in row["processes"]]
        if all(process["stages_ms"] for process in row["processes"]):
            runs[key._replace(what="file to verdict")] = [
                _latencies(process["stages_ms"]["total"]) for process in row["processes"]
            ]
    machine = dict(value["machine"])
    return _Runs(
        runs=runs,
        files={f"{row['model']} on {_where(row)}": row["file"]["sha256"] for row in value["rows"] if row["file"]},
        fingerprint=machine.pop("fingerprint"),
        machine=machine,
        faces=str(value["settings"]["faces"]),
        interrupted=value["interrupted"],
        warnings=[
            f"{case_name(row['model'], _where(row), _numbers(row))}: {text}" for row in value["rows"] for text in row["warnings"]
        ],
    )


def _latencies(values: Sequence[float]) -> list[float]:
    if not values or not all(value > 0 for value in values):
        raise ValueError("latencies must be above 0")
    return list(map(float, values))


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    for name in a:
        if a[name] != b.get(name):
            yield f"{name} {a[name]} and {b.get(name)}"


def _where(row: Mapping[str, Any]) -> str:
    return where(row["runtime"], row["device"])


def _numbers(row: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(row[name]) for name in NUMBERS}

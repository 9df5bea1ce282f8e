"""How fast the models are, from the files that ``edgefake benchmark --json`` printed."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from edgefake.tables import markdown_table

FOLDER = Path(__file__).parents[1] / "results"
REFERENCE = "x86-64-avx2-2-cores.json"
"""The machine of the ratios in the table of models."""


@cache
def rows(file: str) -> list[dict[str, Any]]:
    """Those of one file; of an older schema with today's names."""
    value = json.loads((FOLDER / file).read_text("utf-8"))
    return [{**row, "runtime": row.get("backend", row["runtime"])} for row in value["rows"]]


def face_ms(model: str, *, file: str = REFERENCE, runtime: str = "tflite", threads: int = 2) -> float | None:
    """Median milliseconds of a face that is cut out already; None where it was not measured."""
    for row in rows(file):
        if (row["model"], row["runtime"], row["threads"], row["batch"], row["streams"]) == (model, runtime, threads, 1, 1):
            return float(row["latency_ms"]["median"]["value"])
    return None


def _lines(file: str) -> Iterator[tuple[object, ...]]:
    for row in rows(file):
        if row["batch"] == 1 and row["streams"] == 1:
            face, cold = row["latency_ms"], row["cold_start"]
            verdict, peak = row["verdict_ms"], row["peak_mb"]
            yield (
                *(f"`{row['model']}`", row["runtime"], row["threads"], f"{face['median']['value']:.2f}", f"{face['p99']:.2f}"),
                "–" if verdict is None else f"{verdict['median']['value']:.1f}",
                *(f"{cold['import_s'] + cold['load_s']:.2f}", "–" if peak is None else f"{peak:.0f}"),
            )


def table(file: str) -> list[str]:
    """A face, a whole picture from its file to the verdict, the start, and memory."""
    heading = ("model", "runtime", "threads", "face, ms", "p99", "picture, ms", "start, s", "peak, MB")
    return markdown_table(heading, _lines(file))


def service(file: str) -> list[str]:
    """Throughput and latency of ``benchmarks serve``, way beside way."""
    value = json.loads((FOLDER / file).read_text("utf-8"))
    loop = statistics.median(turn["per_second"] for turn in value["loop"])
    heading = ("", "pictures per second", "of the loop", "p50, ms", "p99, ms", "requests lost")
    found: list[tuple[object, ...]] = [("bare loop", f"{loop:.1f}", "1", "–", "–", "–")]
    for name, told in (("edgefake", "`edgefake serve`"), ("plain", "a plain FastAPI handler")):
        rate = statistics.median(turn["per_second"] for turn in value[name]["turns"])
        ms, lost = value[name]["latency_ms"], f"{value[name]['lost']} of {value[name]['latency_ms']['runs']}"
        found.append((told, f"{rate:.1f}", f"{rate / loop:.2f}", f"{ms['median']:.0f}", f"{ms['p99']:.0f}", lost))
    refused, machine = value["overload"]["refused_ms"], value["machine"]
    told = f"`{value['model']}` on {machine['processor']} ({', '.join(machine['features'])}), {machine['cores']} cores."
    count = value["overload"]["statuses"]["429"]
    more = f"With more requests than there is room for, {count} were answered 429, within {refused['max']:.0f} ms."
    return [*markdown_table(heading, found), "", told, more]

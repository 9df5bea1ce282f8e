"""What ``python -m benchmarks scan --json`` printed: engines beside bare loops, and what an archive costs by that, on paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.figures.speed import FOLDER
from edgefake.tables import markdown_table

PHOTOS = 100_000_000
WAYS = {"loop": "bare loop, one process", "loops": "bare loops, two processes", "local": "local engine, two workers"}


def _read(file: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / file).read_text("utf-8"))
    return found


def engines(file: str) -> list[str]:
    """Pictures per second, way beside way, and the ratios of turns that followed one another."""
    told = _read(file)
    rows = [
        (way, f"{_rate(told[name]):.1f}", *(f"{_ratio(told[name], told[other]):.2f}" for other in ("loop", "loops")))
        for name, way in WAYS.items()
    ]
    heading = ("", "pictures per second", "of one loop", "of two loops")
    machine, stages = told["machine"], told["stages"]
    return [
        *markdown_table(heading, rows),
        "",
        f"`{told['model']}` on {machine['processor']} ({', '.join(machine['features'])}), {machine['cores']} cores; "
        f"{told['pictures']} pictures of 1280×720 a turn, medians of {len(told['loop'])} turns, one after the other.",
        f"In the loop: decode {stages['decode']:.1f}, find {stages['find']:.1f}, score {stages['score']:.1f} ms.",
    ]


def ray(file: str) -> list[str]:
    """Ray beside the local engine."""
    rows = []
    for many in _read(file)["many"]:
        local, ray = sum(many["local"]), sum(many["ray"])
        turns = (" and ".join(f"{rate:.0f}" for rate in many[name]) for name in ("local", "ray"))
        rows.append(
            (many["files"], f"{many['width']} px", *turns, f"{ray / local:.2f}", f"{2e3 * 2 / ray - 2e3 * 2 / local:.1f} ms")
        )
    heading = (
        "pictures",
        "wide",
        "local engine, two turns, per second",
        "Ray, two turns",
        "of the local engine",
        "more for a picture",
    )
    return markdown_table(heading, rows)


def kills(file: str) -> list[str]:
    """A scan that was killed and gone on with."""
    told = _read(file)["killed"]
    return [
        f"{told['files']} files, killed {told['kills']} times at random moments and gone on with: {told['differing']} rows "
        f"differ from those of an undisturbed scan; the last start had {told['left_to_the_last']} to judge."
    ]


def memory(file: str) -> list[str]:
    """What all processes of a scan have, from a tenth of the way on."""
    told = _read(file)["memory"]
    settled = [mb for done, mb in told["samples"] if done >= told["files"] / 10]
    return [
        f"{told['files']} judged files, no two with the same bytes: {settled[0]:.0f} MB in all processes after a tenth of them, "
        f"at most {max(settled):.0f} MB from there on."
    ]


def cost(file: str) -> list[str]:
    """Core-hours for ``PHOTOS`` photos."""
    told = _read(file)
    stages = told["stages"]
    whole = 1e3 / _rate(told["loop"])
    measured = sum(stages.values())
    rows: list[Sequence[object]] = [("decode, find, score: the bare loop", *_costs(whole))]
    rows += [(f"… of that {name}", *_costs(whole * ms / measured)) for name, ms in stages.items()]
    collecting = median(turn["cpu_ms"] for turn in told["local"])
    rows.append(("the one process that lists, claims, collects and writes", *_costs(collecting)))
    return markdown_table(("time of a core", "of one photo", "of 100 million"), rows)


def _costs(ms: float) -> tuple[str, str]:
    return f"{ms:.1f} ms", f"{ms * PHOTOS / 3.6e6:,.0f} core-hours"


def _rate(turns: Sequence[Mapping[str, float]]) -> float:
    return median(turn["per_second"] for turn in turns)


def _ratio(ours: Sequence[Mapping[str, float]], theirs: Sequence[Mapping[str, float]]) -> float:
    return median(one["per_second"] / other["per_second"] for one, other in zip(ours, theirs, strict=True))

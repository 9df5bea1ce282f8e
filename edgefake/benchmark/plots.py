"""Pictures of a report: how latencies are distributed, what accuracy costs, how threads and streams scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgefake.benchmark.plan import case_name
from edgefake.benchmark.report import Report, Row
from edgefake.charts import BLACK, GREY, Axis, Chart, colour
from edgefake.pixels import Pixels

WIDTH, HEIGHT = 1100, 560
LEFT, TOP, RIGHT, BOTTOM = 70, 60, 660, 500
"""Where the axes are; names stand at their right."""


def plots(report: Report) -> dict[str, Pixels]:
    """The pictures (uint8, H×W×3, BGR) by file name; those that the report has nothing for are left out."""
    found = {}
    if report.rows:
        found["latency.png"] = _distribution(report.rows)
    if any(row.accuracy for row in report.rows):
        found["accuracy.png"] = _front([row for row in report.rows if row.accuracy])
    for dimension in ("threads", "streams"):
        if len({row.case.numbers[dimension] for row in report.rows}) > 1:
            found[f"{dimension}.png"] = _scaling(report.rows, dimension)
    return found


def _distribution(rows: Sequence[Row]) -> Pixels:
    """Cumulative: the share of runs that took at most so long."""
    runs = [np.sort(np.concatenate([sample.ms for sample in row.samples])) for row in rows]
    x = Axis(min(each[0] for each in runs) * 0.95, max(each[-1] for each in runs) * 1.05, LEFT, RIGHT, is_log=True)
    y = Axis(0, 1, BOTTOM, TOP)
    chart = _chart("share of runs that took at most so many ms per batch", x, y)
    for (index, row), each in zip(enumerate(rows), runs, strict=True):
        points = [(float(ms), (place + 1) / len(each)) for place, ms in enumerate(each)]
        chart.line([(points[0][0], 0.0), *points], colour(index))
        _name(chart, str(row.case), index)
    return chart.picture


def _front(rows: Sequence[Row]) -> Pixels:
    """AUC over latency, with its interval; a line joins the rows that no other beats in both."""
    scored = [(row, row.latency.median.value / row.case.batch, row.accuracy.auc) for row in rows if row.accuracy]
    latencies = [ms for _, ms, _ in scored]
    x = Axis(min(latencies) * 0.8, max(latencies) * 1.25, LEFT, RIGHT, is_log=True)
    y = Axis(max(0.0, min(auc.low for _, _, auc in scored) - 0.01), 1.0, BOTTOM, TOP)
    chart = _chart("AUC over ms per face (bars: 95 % intervals; line: the best of each speed)", x, y)
    best = [(ms, auc.value) for _, ms, auc in scored if not any(m < ms and a.value >= auc.value for _, m, a in scored)]
    chart.line(sorted(best), GREY)
    for index, (row, ms, auc) in enumerate(scored):
        chart.line([(ms, auc.low), (ms, auc.high)], colour(index))
        chart.dot(ms, auc.value, colour(index), radius=5)
        _name(chart, str(row.case), index)
    return chart.picture


def _scaling(rows: Sequence[Row], dimension: str) -> Pixels:
    """Faces per second over threads or streams; a line for each combination of the rest."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        rest = {name: number for name, number in row.case.numbers.items() if name != dimension}
        points = lines.setdefault(case_name(row.case.model, row.case.where, rest), [])
        points.append((row.case.numbers[dimension], row.faces_per_second))
    x = Axis(0, max(row.case.numbers[dimension] for row in rows) + 0.5, LEFT, RIGHT)
    y = Axis(0, max(row.faces_per_second for row in rows) * 1.05, BOTTOM, TOP)
    chart = _chart(f"faces per second over {dimension}", x, y)
    for index, (name, figures) in enumerate(lines.items()):
        places = [(float(count), faces) for count, faces in sorted(figures)]
        chart.line(places, colour(index))
        for place in places:
            chart.dot(*place, colour(index))
        _name(chart, name, index)
    return chart.picture


def _chart(title: str, x: Axis, y: Axis) -> Chart:
    chart = Chart(WIDTH, HEIGHT, x, y)
    chart.grid([(value, f"{value:g}") for value in x.ticks()], [(value, f"{value:.4g}") for value in y.ticks()])
    chart.write(title, (LEFT, 34), BLACK)
    return chart


def _name(chart: Chart, text: str, index: int) -> None:
    place = TOP + 10 + 20 * index
    if place < HEIGHT - 10:  # the report's table names the others
        chart.write(text, (RIGHT + 14, place), colour(index), size=0.4)

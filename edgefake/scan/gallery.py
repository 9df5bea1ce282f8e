"""The summary of a scan as one HTML page, with the faces to look at first."""

from __future__ import annotations

import edgefake
from edgefake.report.extra import require_extra
from edgefake.report.page import environment
from edgefake.scan.summary import Findings, thumbnail_of, top_face


def gallery(summary: Findings) -> str:
    """The page. Raises ``InputError`` where the extra ``report`` is not installed."""
    require_extra()
    shown = [(row, top_face(row), thumbnail_of(row)) for row in summary.worst]
    highest = max([1, *summary.histogram])
    return (
        environment()
        .get_template("scan.html")
        .render(summary=summary, shown=shown, highest=highest, bars=len(summary.histogram), version=edgefake.__version__)
    )

"""A stream's health in words: one line while it runs, a summary when it has ended."""

from __future__ import annotations

from edgefake.prediction import Verdict
from edgefake.streaming.health import HealthReport
from edgefake.streaming.result import FrameResult


def status_line(report: HealthReport, result: FrameResult | None = None) -> str:
    """One line for a terminal, without a line end: verdict, faces, rates, and whatever is wrong; ``result`` is the latest."""
    parts = [_verdict(result), f"{report.fps_in:.1f} fps in, {report.fps_out:.1f} out"]
    if latency := report.stages.get("latency"):
        parts.append(f"latency {latency.median_ms:.0f} ms")
    parts += _troubles(report)
    if report.temperature_c is not None:
        parts.append(f"{report.temperature_c:.0f} °C")
    return " · ".join(parts)


def summary(report: HealthReport) -> str:
    """Several lines, without the last line end: what was done in which time, what was lost, and a table of the stages."""
    troubles = ", ".join(_troubles(report)) or "nothing lost"
    lines = [
        f"{report.frames_out} of {report.frames_in} frames judged in {_duration(report.uptime_s)}: {troubles}",
        f"{'stage':<10}  {'runs':>8}  {'median ms':>9}  {'p95 ms':>8}",
    ]
    for stage, times in report.stages.items():
        lines.append(f"{stage:<10}  {times.runs:>8}  {times.median_ms:>9.2f}  {times.p95_ms:>8.2f}")
    return "\n".join(lines if report.stages else lines[:1])


def _verdict(result: FrameResult | None) -> str:
    if result is None:
        return "waiting"
    if not result.tracks:
        return "no face"
    faces = "1 face" if len(result.tracks) == 1 else f"{len(result.tracks)} faces"
    if result.verdict is None or result.p_fake is None:
        return f"undecided, {faces}"
    if result.verdict is Verdict.REAL:
        return f"real {result.p_fake:.2f}, {faces}"
    fakes = " ".join(f"#{track.id}" for track in result.tracks if track.verdict is Verdict.FAKE)
    return f"FAKE {result.p_fake:.2f} {fakes}, {faces}"


def _troubles(report: HealthReport) -> list[str]:
    counted = [("dropped", report.dropped), ("reconnects", report.reconnects)]
    counted += [(f"lost by {sink}", number) for sink, number in sorted(report.lost.items())]
    return [f"{what} {number}" for what, number in counted if number]


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{seconds:.1f} s"

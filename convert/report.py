"""The report of a conversion, for people (``report.md``) and for scripts (``report.json``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx

from convert.check import Check
from convert.graph import read_graph
from convert.onnx import read_qdq
from edgefake.files import write_atomically, write_json
from edgefake.models.card import ModelCard
from edgefake.models.families import family_markdown
from edgefake.tables import markdown_table
from training.device import on_device

SCHEMA = 1
WORST_LAYERS = 10


@dataclass(frozen=True, slots=True)
class File:
    """One of the files that were made."""

    file: str
    precision: str
    bytes: int
    ops: dict[str, int]
    """Operators by type."""
    float_ops: int | None
    """INT8 files: what is not in eight bits (tensors of the ``.tflite``, convolutions and products of the ``.onnx``)."""
    macs: int | None


def write_report(
    out: Path,
    cards: Mapping[Path, ModelCard],
    check: Check | None,
    data: str,
    command: str,
    *,
    audit: Sequence[str] = (),
    failed: Mapping[str, str],
) -> tuple[Path, Path]:
    """Write both reports into ``out``, about the files that ``cards`` names and their comparison on the faces ``data``.

    ``audit`` is what there is to say of the data (see ``training.audit.audit_says``), a sentence each; ``failed`` says why which
    file could not be made. ``check`` is None where there is none to compare.
    """
    check = check or Check((), ())
    faults = [*(f"{file} could not be made: {reason}" for file, reason in failed.items()), *check.faults()]
    files = [_file(path, card) for path, card in cards.items()]
    worst = check.layers[:WORST_LAYERS]
    record = {
        "schema": SCHEMA,
        "command": command,
        "data": data,
        "audit": list(audit),
        "gate": "failed" if faults else "passed",
        "faults": faults,
        "failed": dict(failed),
        "files": [asdict(file) for file in files],
        "comparisons": [asdict(comparison) for comparison in check.comparisons],
        "worst_layers": [asdict(layer) for layer in worst],
        "cards": {path.name: _figures(card) for path, card in cards.items()},
    }
    json_path, markdown_path = out / "report.json", out / "report.md"
    write_json(json_path, record)
    write_atomically(markdown_path, _markdown(files, cards, check, faults, data, command, audit).encode())
    return markdown_path, json_path


def _file(path: Path, card: ModelCard) -> File:
    size = path.stat().st_size
    if path.suffix == ".onnx":
        qdq = read_qdq(onnx.load(path))
        return File(path.name, card.precision, size, qdq.ops, len(qdq.float_layers), None)
    graph = on_device(read_graph, path)
    float_ops = len(graph.float_tensors) if card.precision == "int8" else None
    return File(path.name, card.precision, size, graph.ops, float_ops, graph.macs)


def _figures(card: ModelCard) -> list[dict[str, Any]]:
    return [asdict(metrics) for metrics in card.metrics]


def _markdown(
    files: list[File],
    cards: Mapping[Path, ModelCard],
    check: Check,
    faults: Sequence[str],
    data: str,
    command: str,
    audit: Sequence[str],
) -> str:
    aucs = {
        path.name: "; ".join(f"{m.data}: {m.figures['auc']:.4f}" for m in card.metrics if "auc" in m.figures)
        for path, card in cards.items()
        if path.suffix == ".tflite"
    }
    lines = [
        f"# Conversion of {next((card.architecture for card in cards.values()), 'a detector')}",
        "",
        f"Gate: **{'failed' if faults else 'passed'}**.",
        *(f"- {fault}" for fault in faults),
        "",
        *(f"> **The data:** {sentence}\n" for sentence in audit),
        "```sh",
        command,
        "```",
        "",
        "## Files",
        "",
        *markdown_table(
            ("file", "MB", "M MACs", "operators", "not in eight bits", "AUC with bootstrap 95 % interval"),
            [
                (
                    *(f"`{f.file}`", f"{f.bytes / 1e6:.2f}", "" if f.macs is None else f"{f.macs / 1e6:.0f}"),
                    *(sum(f.ops.values()), "" if f.float_ops is None else f.float_ops, aucs.get(f.file, "see below")),
                )
                for f in files
            ],
        ),
        "",
        *(line for card in [*cards.values()][:1] for line in (*family_markdown(card.families, level=2), "")),
        f"## The same faces in every form: {data}",
        "",
        *markdown_table(
            ("form", "compared with", "faces", "AUC", "its AUC", "verdicts that differ", "mean |Δp_fake|", "max", "maps"),
            [
                (
                    *(f"{c.model}{'' if c.gated else ' (not gated)'}", c.reference, c.faces),
                    *(f"{c.auc:.4f}", f"{c.reference_auc:.4f}", f"{c.flips:.2%}"),
                    *(f"{c.mean_difference:.4f}", f"{c.max_difference:.3f}"),
                    ", ".join(f"{name} {snr:.1f} dB" for name, snr in c.map_snr_db.items()),
                )
                for c in check.comparisons
            ],
        ),
        "",
    ]
    if check.layers:
        lines += [
            "## The layers of the INT8 model furthest from float",
            "",
            *markdown_table(
                ("layer", "signal-to-noise ratio, dB"),
                [(f"`{layer.layer}`", f"{layer.snr_db:.1f}") for layer in check.layers[:WORST_LAYERS]],
            ),
            "",
        ]
    return "\n".join(lines)

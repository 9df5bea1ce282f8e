"""Putting converted models into the wheel: the files, their entry in the registry, and a Markdown card beside each."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.errors import InputError
from edgefake.files import write_atomically, write_json
from edgefake.models.card import Metrics, ModelCard
from edgefake.models.families import family_markdown
from edgefake.models.file import ModelFile, require_card, write_card

ZOO = Path(__file__).parents[1] / "edgefake" / "zoo"


def bundle(path: Path, zoo: Path = ZOO) -> Path:
    """Copy the model file at ``path`` into ``zoo``, register its size and SHA-256; the card of a model's first file is written as
    Markdown beside it.

    The copy's card is written anew: an older one becomes one of today's schema, with the digest of the network, which is not
    touched. A file of ``zoo`` itself is renewed in place. What follows the line ``<!-- notes -->`` in an earlier Markdown card
    is kept: people write there what a model can't do. Returns the copy's path.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}: expected a converted model")
    card = require_card(ModelFile(path), None)
    if Path(card.name).name != card.name:
        raise InputError(f"{path} is named {card.name!r} in its card: a bundled model needs a name that a file can have")
    target = zoo / f"{card.name}{path.suffix}"
    if path.resolve() != target.resolve():
        write_atomically(target, path.read_bytes())
    card = write_card(target, card)
    registry = zoo / "models.json"
    entries = json.loads(registry.read_text()) if registry.exists() else {}
    data = target.read_bytes()
    files = {file["file"]: file for file in entries.get(card.name, {}).get("files", ())}
    files[target.name] = {"file": target.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    entries[card.name] = {"kind": card.kind, "files": list(files.values())}
    write_json(registry, entries)
    if next(iter(files)) != target.name:
        return target
    page = target.with_suffix(".md")
    notes = page.read_text().partition(NOTES)[2] if page.exists() else "\n"
    write_atomically(page, (markdown(card, len(data)) + NOTES + notes).encode())
    return target


NOTES = "<!-- notes -->"
MOVED = "What moves real faces"


def markdown(card: ModelCard, size: int) -> str:
    """What the card says, for people."""
    lines = [
        f"# {card.name}",
        "",
        f"{card.architecture} at {card.width}×{card.height}, {card.precision}, {size / 1e6:.1f} MB. {_what(card)}",
        "",
        *(line for metrics in card.metrics for line in _table(metrics)),
        "Figures in brackets are bootstrap 95 % intervals.",
    ]
    if card.kind == "detector":
        lines[-1] += f" Accuracies, rates and counts of verdicts are at the stored threshold `{DEFAULT_THRESHOLD}`."
        rows = [f"| `{name}` | {value:.4f} |" for name, value in card.thresholds.items()]
        lines += ["", "| threshold | p_fake |", "|---|---|", *rows, ""]
        lines += [
            *(_table(card.bias, f"{MOVED}, measured") if card.bias else [f"## {MOVED}", "", "Not measured.", ""]),
            *family_markdown(card.families, level=2),
        ]
    lines.append("")
    if card.training is not None:
        lines += [
            "## How it was made",
            "",
            f"Data: {card.training.data}. Terms: {card.training.licence}. Seed {card.training.seed}.",
            "",
            "```sh",
            *card.training.commands,
            "```",
            f"SHA-256 of the float parent: `{card.parent_sha256}`. "
            + ", ".join(f"{k} {v}" for k, v in card.toolchain.items())
            + ".",
            "",
        ]
    return "\n".join(lines)


def _what(card: ModelCard) -> str:
    if card.kind == "face_finder":
        return "A picture in, what every cell of it says of a face near it out: scores, boxes, five points."
    beside = " and a map of logits" if len(card.outputs) > 1 else ""
    mode = "" if card.crop_mode == "inside" else f", {card.crop_mode} where that leaves the picture"
    return f"One face in (crop margin {card.crop_margin:g}{mode}), calibrated p_fake{beside} out."


def _table(metrics: Metrics, what: str = "Measured") -> list[str]:
    rows = [f"| {name} | {f:.4f} |" for name, f in metrics.figures.items()]
    return [f"## {what} on {metrics.data}: {metrics.size}", "", "| figure | value |", "|---|---|", *rows, ""]

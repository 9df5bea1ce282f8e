"""``edgefake models``: which models there are, what their cards say, and whether their files are whole."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator

from edgefake.errors import EdgefakeError
from edgefake.models.card import Metrics, ModelCard
from edgefake.models.families import family_tables
from edgefake.models.file import ModelFile, require_card
from edgefake.models.store import LocatedFile, list_models, open_model, unknown_model
from edgefake.schema import SCHEMA
from edgefake.tables import text_table
from edgefake.text import printable


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "models", help="list, show and verify models", description="List the models and where each one is."
    )
    parser.add_argument("--json", action="store_true", help="print a JSON array instead of a table")
    parser.set_defaults(action=_list)
    actions = parser.add_subparsers(title="more", metavar="ACTION")

    show = actions.add_parser(
        "show", help="print a model's card", description="Print a model's card; a model that is not here is downloaded."
    )
    show.add_argument("model", help="a name that `edgefake models` lists, or a file")
    show.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print the whole card as JSON, golden vectors included"
    )
    show.set_defaults(action=_show)

    verify = actions.add_parser(
        "verify",
        help="check the files' SHA-256",
        description="Check size and SHA-256 of the models on this machine.",
        epilog="Exit code 0: all are whole; 2: one is damaged, or was named and is not here.",
    )
    verify.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print a JSON array, where fault is null all is well"
    )
    verify.add_argument("names", nargs="*", metavar="NAME", help="which models (default: all that are on this machine)")
    verify.set_defaults(action=_verify)


def _list(arguments: argparse.Namespace) -> int:
    files = list_models()
    terms = {f.stored.file: _terms(f) for f in files}
    if arguments.json:
        places = [{"place": f.place, "path": f.path and str(f.path), "terms": terms[f.stored.file]} for f in files]
        rows = [{"schema": SCHEMA, **dataclasses.asdict(f.stored), **place} for f, place in zip(files, places, strict=True)]
        print(json.dumps(rows, indent=2))
        return 0
    table: list[tuple[object, ...]] = [("name", "kind", "form", "place", "size", "terms", "path")]
    for f in sorted(files, key=lambda f: f.stored.name):
        size, short = f"{f.stored.size / 1e6:.1f} MB", (terms[f.stored.file] or "-").partition(":")[0]
        table.append((f.stored.name, f.stored.kind, f.stored.form, f.place, size, short, f.path or "-"))
    print(*text_table(table), sep="\n")
    print("\nTerms of the weights, which are not those of the code:")
    for told in dict.fromkeys(filter(None, terms.values())):
        names = dict.fromkeys(f.stored.name for f in files if terms[f.stored.file] == told)
        print(f"  {', '.join(names)}: {printable(told, limit=None)}")
    return 0


def _terms(file: LocatedFile) -> str | None:
    """What the card of a file on this machine says of them; None where it cannot be read (``verify`` tells why)."""
    try:
        card = ModelFile(file.path).card if file.path else None
    except EdgefakeError:
        return None
    return card.terms if card else None


def _show(arguments: argparse.Namespace) -> int:
    card = require_card(open_model(arguments.model), None)
    print(card.to_json() if arguments.json else "\n".join(_lines(card)))
    return 0


def _lines(card: ModelCard) -> Iterator[str]:
    """The card for people, one fact per line; golden vectors are counted, not printed."""
    scaling = card.scaling
    tolerances = ", ".join(f"{name} {card.tolerance(name):g}" for name in card.outputs) if card.golden else "-"
    facts = {
        "name": card.name,
        "kind": card.kind.replace("_", " "),
        "architecture": card.architecture,
        "precision": card.precision,
        "input": f"{card.width}×{card.height} {card.colour_order}, x = (pixel - {scaling.offset:g}) / {scaling.scale:g}",
        "outputs": ", ".join(card.outputs),
        **(_detector_facts(card) if card.kind == "detector" else {"min score": f"{card.min_score:g}"}),
        "golden vectors": f"{len(card.golden)}, tolerance {tolerances}",
        "toolchain": ", ".join(f"{name} {version}" for name, version in card.toolchain.items()),
        "parent SHA-256": card.parent_sha256,
        "payload SHA-256": card.payload_sha256,
    }
    if card.training:
        facts |= {"training data": card.training.data, "licence": card.training.licence, "seed": str(card.training.seed)}
        facts["commands"] = "; ".join(card.training.commands)
    for name, fact in facts.items():
        yield f"{name:<16}{printable(fact or '-', limit=None)}"
    for metrics in card.metrics:
        yield from _figures("measured on", metrics)
    if card.kind == "detector":
        yield from _measured(card)


def _figures(what: str, metrics: Metrics) -> Iterator[str]:
    yield f"{what} {printable(metrics.data, limit=None)} ({printable(metrics.size)}):"
    width = max((len(printable(name)) + 2 for name in metrics.figures), default=0)
    for name, figure in metrics.figures.items():
        yield f"  {printable(name):<{max(24, width)}}{figure.value:.4f} (95 % interval {figure.low:.4f}–{figure.high:.4f})"


def _measured(card: ModelCard) -> Iterator[str]:
    """What moves the scores of real faces, and how well each family is told."""
    if card.bias is None:
        yield "bias            not measured"
    else:
        yield from _figures("what moves real faces, on", card.bias)
    if not card.families:
        yield "families        not measured"
    for title, rows in family_tables(card.families):
        yield from ("", title, *(f"  {line}" for line in text_table(rows)))


def _detector_facts(card: ModelCard) -> dict[str, str]:
    calibration = card.calibration
    sign = "-" if calibration.bias < 0 else "+"
    return {
        "crop margin": f"{card.crop_margin:g} of the face box",
        "crop mode": card.crop_mode,
        "score": f"{card.output} of {', '.join(card.classes)}",
        "calibration": f"p_fake = sigmoid(logit / {calibration.temperature:.4g} {sign} {abs(calibration.bias):.4g})",
        "thresholds": ", ".join(f"{name} {value:.4f}" for name, value in card.thresholds.items()),
    }


def _verify(arguments: argparse.Namespace) -> int:
    checked = [(f, f.fault()) for f in _chosen(arguments.names)]
    if arguments.json:
        rows = [
            {"schema": SCHEMA, "name": f.stored.name, "file": f.stored.file, "path": f.path and str(f.path), "fault": fault}
            for f, fault in checked
        ]
        print(json.dumps(rows, indent=2))
    else:
        for f, fault in checked:
            print(f"{f.stored.file:<29}  {'ok' if fault is None else f'FAULT: {f.path or f.stored.file}: {fault}'}")
    return 2 if any(fault for _, fault in checked) else 0


def _chosen(names: list[str]) -> list[LocatedFile]:
    files = list_models()
    known = list(dict.fromkeys(f.stored.name for f in files))
    for name in names:
        if name not in known:
            raise unknown_model(name, known)
    return [f for f in files if f.stored.name in names] if names else [f for f in files if f.path]

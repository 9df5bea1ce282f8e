"""``python -m training matrix``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgefake.errors import InputError
from edgefake.faces.finders import FACES_HELP
from edgefake.models.families import CLEAN, family_markdown
from edgefake.schema import SCHEMA
from edgefake.text import printable
from training.cli.held_out import add_pooled, pooled_data
from training.degrade import CONDITIONS


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "matrix",
        help="measure models on every family, by degradation and face size; --write puts it into their cards",
        description="How well models tell each family: AUC of its fakes against every source of real faces, weighted alike, and "
        "against the worst; the share of its fakes and of its real faces that is called fake, at both thresholds of the card; "
        "clean, degraded, and by size of the face, with 95 % intervals.".replace("%", "%%"),
    )
    parser.set_defaults(action=_matrix)
    add_pooled(parser, per_family=None)
    parser.add_argument(
        "--families",
        type=lambda text: text.split(","),
        default=[],
        metavar="NAME,…",
        help="which to tell of (default: all); real faces of the others still count",
    )
    parser.add_argument(
        "--degradations",
        type=lambda text: text.split(","),
        metavar="NAME,…",
        help=f"beside clean, of {', '.join([*CONDITIONS][1:])} (default: jpeg50,half,blur,dark)",
    )
    parser.add_argument("--find-faces", metavar="NAME", help=f"find the faces as a device does: {FACES_HELP} (model files only)")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the tables there, instead of printing them")


def _matrix(options: argparse.Namespace) -> int:
    from edgefake.files import write_atomically
    from training.evaluate import check_models
    from training.matrix import DEGRADATIONS, matrix, write_families

    degradations = DEGRADATIONS if options.degradations is None else tuple(dict.fromkeys((CLEAN, *options.degradations)))
    if unknown := [name for name in degradations if name not in CONDITIONS]:
        raise InputError(f"there is no degradation {unknown[0]!r}: choose from {','.join(CONDITIONS)}")
    if options.out and not options.out.absolute().parent.is_dir():
        raise InputError(f"{printable(options.out)} cannot be written (there is no such folder): name another --out")
    check_models(options.models, options.find_faces)
    data = pooled_data(options)
    lines: list[str] = []
    measured = matrix(options.models, data, asked=options.families, degradations=degradations, find_faces=options.find_faces)
    for subject, families in measured:
        lines += [f"# {printable(subject.name)}", "", *family_markdown(families, level=2), ""]
        if options.json:
            rows = [asdict(family) for family in families]
            print(json.dumps({"schema": SCHEMA, "model": subject.name, "precision": subject.precision, "families": rows}))
        if options.write:
            write_families(subject.path, subject.card, families)
    text = "\n".join(lines)
    if options.out:
        try:
            write_atomically(options.out, text.encode())
        except OSError as error:
            raise InputError(f"{printable(options.out)} cannot be written ({error.strerror}): name another --out") from error
    elif not options.json:
        print(text)
    return 0

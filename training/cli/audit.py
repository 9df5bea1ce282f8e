"""``python -m training audit``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edgefake.text import printable
from training.cli.data import add_classes, add_faces, check_classes, samples_of


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "audit",
        help="what fools people in a data set: copies across splits, properties that alone tell the classes apart",
        description="Exits with 1 when there is a warning. Later reports on this data repeat the warnings.",
    )
    parser.set_defaults(action=_audit)
    parser.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="folder tree train|val|test / real|fake, or real|fake, or CSV manifest; fakes may be missing",
    )
    add_classes(parser)
    add_faces(parser)
    parser.add_argument("--json", action="store_true", help="one object, with every copy that was found")


def _audit(options: argparse.Namespace) -> int:
    from training.audit.findings import audit
    from training.audit.stored import keep_audit, make_folder

    check_classes(options)
    make_folder(options.data)
    findings = audit(options.data, samples_of(options.data, options, real_only=True))
    content, warnings = findings.to_dict(), findings.warnings()
    path = keep_audit(options.data, content)
    if options.json:
        print(json.dumps(content))
    else:
        unreadable = f"{len(findings.unreadable)} pictures could not be read"
        print(f"{findings.faces} labelled faces in {printable(options.data)}; {unreadable}\n")
        print(findings.table(), end="\n\n")
        for line in [*findings.notes(), *(f"warning: {warning}" for warning in warnings), f"kept in {printable(path)}"]:
            print(line)
    return 1 if warnings else 0

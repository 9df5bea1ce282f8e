"""``python -m training combine``."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from edgefake.text import printable
from training.cli.numbers import whole


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "combine",
        help="write one manifest of several data sets, with the family of every picture",
        description="Write one manifest of several data sets. Training on it draws families alike, evaluate judges them apart, "
        "and lofo leaves them out one by one.",
    )
    parser.set_defaults(action=_combine)
    parser.add_argument(
        "data", type=Path, nargs="+", metavar="DATA", help="folder trees or manifests; without a column family its name is one"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="the manifest; it names files relative to it")
    parser.add_argument(
        "--per-family",
        type=whole(1),
        metavar="N",
        help="at most so many real and fake faces of a family and split, by lot",
    )
    parser.add_argument("--seed", type=whole(0), default=1, help="of splits the data lack, and of the lot (default %(default)s)")


def _combine(options: argparse.Namespace) -> int:
    from training.combine import combine

    samples = combine(options.data, options.out, seed=options.seed, per_family=options.per_family)
    counts = Counter(sample.split for sample in samples)
    parts = ", ".join(f"{count} {split}" for split, count in sorted(counts.items()))
    print(f"{len(samples)} faces ({parts}): {printable(options.out)}")
    return 0

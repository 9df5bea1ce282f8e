"""``python -m training zoo``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from edgefake.schema import SCHEMA
from edgefake.tables import text_table


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("zoo", help="list the recipes: architecture, input size, settings, where weights can start")
    parser.set_defaults(action=_zoo)
    parser.add_argument("--json", action="store_true", help="one object per recipe and line")


def _zoo(options: argparse.Namespace) -> int:
    from training.recipes import RECIPES

    rows = [("recipe", "size", "batch", "rate", "ImageNet", "architecture")]
    for name, recipe in RECIPES.items():
        if options.json:
            settings = {key: value for key, value in asdict(recipe).items() if value is not None and not callable(value)}
            starts = {"imagenet": recipe.imagenet is not None, "published": recipe.published is not None}
            print(json.dumps({"schema": SCHEMA, "recipe": name, **settings, **starts}))
        rate, start = f"{recipe.learning_rate:g}", "yes" if recipe.imagenet else "no"
        rows.append((name, str(recipe.size), str(recipe.batch), rate, start, recipe.summary))
    if not options.json:
        print(*text_table(rows), sep="\n")
    return 0

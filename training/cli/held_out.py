"""The arguments of commands that measure models on held-out faces."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgefake.errors import InputError
from edgefake.text import printable
from training.cli.data import add_classes, add_faces, check_classes, samples_of
from training.cli.numbers import whole
from training.notes import say

if TYPE_CHECKING:
    from training.evaluate import DataSet


def add_split(parser: argparse.ArgumentParser, *, default: str) -> None:
    """Add ``--split``."""
    parser.add_argument(
        "--split",
        choices=("train", "val", "test", "all"),
        default=default,
        help="all: the whole of the data (default %(default)s)",
    )


def add_pooled(
    parser: argparse.ArgumentParser,
    *,
    per_family: int | None,
    written: str = "the figures into the cards of the models, which are files",
) -> None:
    """Add the models, ``--data`` and all that says which faces of it are taken together."""
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="run folder (float or QAT), .tflite or .onnx file")
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        metavar="DATA",
        help="folder trees or manifests, taken together; without a column family the name of each is one",
    )
    add_classes(parser)
    add_faces(parser)
    add_split(parser, default="val")
    parser.add_argument(
        "--per-family",
        type=whole(1),
        default=per_family,
        metavar="N",
        help=f"at most so many real and so many fake faces of a family, drawn by --seed (default: {per_family or 'all'})",
    )
    parser.add_argument("--json", action="store_true", help="one object per model, and line")
    parser.add_argument("--write", action="store_true", help=f"write {written}")


def data_sets_of(options: argparse.Namespace) -> list[DataSet]:
    """The size-matched faces of the chosen split, by data set."""
    from training.batches import readable
    from training.evaluate import DataSet, distinct_names

    if options.faces and len(options.data) > 1:
        raise InputError("--faces names the face boxes of one data set: put a faces.csv into each of them")
    kinds = options.classes[1:] or ("fake",)
    found = []
    for root, name in zip(options.data, distinct_names(options.data), strict=True):
        samples = samples_of(root, options, one_sided=True)
        chosen = [s for s in samples if options.split in (s.split, "all") and s.size_matched]
        if not chosen:
            raise InputError(f"{printable(root)} has no {options.split} split: choose another --split, or all")
        found.append(DataSet(printable(f"{name} {options.split}"), root, readable(chosen), kinds))
    return found


def pooled_data(options: argparse.Namespace) -> DataSet:
    """The faces that the options of ``add_pooled`` choose. Raises ``InputError`` where ``--write`` can write into no card."""
    from edgefake.models.forms import FORMS
    from edgefake.models.store import REGISTRY
    from training.matrix import pooled

    check_classes(options)
    for model in options.models:
        if options.write and model.suffix not in FORMS:
            raise InputError(f"expected model files with --write, got {printable(model)}, a run without a card: convert it first")
    tell_what_files_hide(options.models)
    bundled = [printable(model) for model in options.models if model.resolve().parent == REGISTRY.parent]
    if options.write and bundled:
        say(f"note: the registry has the digest of what edgefake ships: python -m convert bundle {' '.join(bundled)} afterwards")
    return pooled(data_sets_of(options), options.split, per_family=options.per_family, seed=options.seed)


def tell_what_files_hide(models: Sequence[Path]) -> None:
    """Say on stderr of which models it cannot be known what they were trained on."""
    from edgefake.models.forms import FORMS

    if files := [str(model) for model in models if model.suffix in FORMS]:
        say(f"note: a model file does not list its training pictures: see that {', '.join(map(printable, files))} saw none")

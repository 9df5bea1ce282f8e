"""``python -m training contact-sheet``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edgefake.errors import InputError
from edgefake.text import printable
from training.cli.data import add_crop, add_data, add_variations, check_classes, samples_of
from training.cli.numbers import whole


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("contact-sheet", help="a picture of what the network sees: faces and their variations")
    parser.set_defaults(action=_contact_sheet)
    add_data(parser)
    add_variations(parser)
    parser.add_argument("--out", type=Path, required=True, help="picture file to write")
    parser.add_argument("--split", choices=("train", "val", "test"), default="train", help="default %(default)s")
    parser.add_argument("--rows", type=whole(1), default=8, help="faces (default %(default)s)")
    parser.add_argument("--columns", type=whole(1), default=7, help="variations of each (default %(default)s)")
    parser.add_argument("--size", type=whole(8), default=160, help="input size in pixels (default %(default)s)")
    add_crop(parser)


def _contact_sheet(options: argparse.Namespace) -> int:
    from edgefake.images import IMAGE_SUFFIXES, write_image
    from training.augment import augmentation_named
    from training.batches import readable
    from training.contact_sheet import chosen, contact_sheet
    from training.pseudo import with_pseudo_fakes
    from training.samples import CLASSES
    from training.self_blend import with_self_blends

    if options.out.suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(f"expected --out to end in {', '.join(sorted(IMAGE_SUFFIXES))}, got {printable(options.out)}")
    check_classes(options)
    augmentation = options.augmentation or "standard"
    augmentation_named(augmentation)  # a wrong one is told before faces are searched
    samples = [
        sample for sample in samples_of(options.data, options, real_only=options.self_blend) if sample.split == options.split
    ]
    if not samples:
        raise InputError(f"{options.data} has no {options.split} split: choose another --split")
    samples = readable(samples)
    if options.pseudo:
        samples = with_pseudo_fakes(samples, options.pseudo)
    if options.self_blend:
        samples = with_self_blends(samples)
    sheet = contact_sheet(
        chosen(samples, options.rows, options.seed),
        options.classes or CLASSES,
        columns=options.columns,
        size=options.size,
        margin=options.margin,
        mode=options.crop_mode,
        seed=options.seed,
        augmentation=augmentation,
    )
    write_image(options.out, sheet)
    print(f"{printable(options.out)}: each row a face as it is, then {options.columns} variations")
    return 0

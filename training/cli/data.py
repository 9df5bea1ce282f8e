"""The arguments that name labelled faces, alike in every command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from edgefake.defaults import DEFAULT_MARGIN
from edgefake.faces.geometry import CropMode
from training.cli.numbers import not_negative, whole
from training.notes import say
from training.pictures import labels_of
from training.samples import CLASSES, Sample, load_samples


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add ``--data`` and all that says how it is read."""
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder tree train|val|test / real|fake, or real|fake, or a CSV with the columns file and label, perhaps split, "
        "x,y,w,h and pair (of pictures that belong together)",
    )
    add_classes(parser)
    add_faces(parser)


def add_classes(parser: argparse.ArgumentParser) -> None:
    """Add ``--classes``."""
    parser.add_argument(
        "--classes",
        type=_names,
        default=(),
        metavar="real,KIND,…",
        help="names of the class folders, real first: a softmax head with one output each (default: real and fake, one logit)",
    )


def add_faces(parser: argparse.ArgumentParser) -> None:
    """Add ``--faces``, ``--folders`` and ``--seed``: how what ``--data`` names is read."""
    parser.add_argument(
        "--faces", type=Path, help="CSV of face boxes (default: DATA/faces.csv, or MANIFEST.faces.csv; made when missing)"
    )
    parser.add_argument("--seed", type=whole(0), default=1, help="of everything that is drawn at random (default %(default)s)")
    parser.add_argument(
        "--folders",
        type=_folders,
        default={},
        metavar="CLASS=NAME+NAME,…",
        help="where class folders, or a manifest's labels, are called otherwise: real=original,fake=deepfakes+faceswap",
    )


def add_variations(parser: argparse.ArgumentParser) -> None:
    """Add ``--augmentation``, ``--self-blend`` and ``--pseudo``."""
    parser.add_argument(
        "--augmentation", metavar="standard|wide|xception", help="how faces are varied (default: the recipe's, else standard)"
    )
    parser.add_argument(
        "--self-blend", action="store_true", help="add fakes made from the real faces; the data need not hold any others"
    )
    parser.add_argument(
        "--pseudo",
        type=_names,
        default=(),
        metavar="upsample,blocks,bands",
        help="add fakes made from the real faces as generators leave traces: up-sampled, block by block, bands of the fake twin",
    )


def add_crop(parser: Any) -> None:
    """Add ``--margin`` and ``--crop-mode``: what of a picture the network sees."""
    parser.add_argument(
        "--margin", type=not_negative, default=DEFAULT_MARGIN, help="context around the face box (default %(default)s)"
    )
    parser.add_argument(
        "--crop-mode",
        choices=get_args(CropMode),
        default="inside",
        help="where that leaves the picture: move the crop into it, or show it mirrored, or grey, there (default %(default)s)",
    )


def samples_of(data: Path, options: argparse.Namespace, *, real_only: bool = False, one_sided: bool = False) -> list[Sample]:
    """The faces of ``data``, read as the options say; with ``real_only`` fakes may be missing, with ``one_sided`` any class."""
    return load_samples(
        data,
        faces=options.faces,
        seed=options.seed,
        classes=options.classes or CLASSES,
        folders=options.folders,
        real_only=real_only,
        one_sided=one_sided,
    )


def check_classes(options: argparse.Namespace) -> None:
    """Raise ``InputError`` where ``--folders`` names what is no class, before anything that takes long."""
    labels_of(options.classes or CLASSES, options.folders)


def repeat_audit(data: Path) -> None:
    """Say on stderr, in one sentence, what the last audit of ``data`` warns of, or that there was none."""
    from training.audit.stored import audit_in_short

    if told := audit_in_short(data):
        say(f"warning: {told}")


def _folders(text: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        name, equals, folders = part.partition("=")
        if not (name.strip() and equals and folders.strip()):
            raise argparse.ArgumentTypeError(f"expected CLASS=NAME+NAME,…, such as real=original,fake=manipulated, got {text!r}")
        found |= {folder.strip(): name.strip() for folder in folders.split("+")}
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))

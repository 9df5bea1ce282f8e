"""``python -m training faithful``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgefake.errors import InputError
from edgefake.schema import SCHEMA
from edgefake.statistics import Interval
from edgefake.tables import markdown_table
from edgefake.text import printable
from training.cli.data import add_classes, add_faces, samples_of
from training.cli.held_out import add_split
from training.cli.numbers import whole

if TYPE_CHECKING:
    from edgefake.explanation import Map
    from training.faithful import ExplainedFace, Faithfulness

LIMIT = 100
HEADING = ("curve", "own map", "better than random by", "better than centred by")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "faithful",
        help="measure whether a model's maps tell what moves its score",
        description="Delete the places of faces in the order of their maps, highest first, and put them back onto blurred faces: "
        "the area under the log-odds of p_fake, beside that of a random map and of one that is highest in the middle.",
        epilog="exit codes: 0 the maps beat both others in both curves, by their 95 %% intervals; 1 they do not; 2 error",
    )
    parser.set_defaults(action=_faithful)
    parser.add_argument("model", type=Path, metavar="MODEL", help=".tflite or .onnx file")
    parser.add_argument("--data", type=Path, required=True, help="labelled faces as for fit")
    add_classes(parser)
    add_faces(parser)
    add_split(parser, default="val")
    parser.add_argument(
        "--limit", type=whole(2), default=LIMIT, metavar="N", help="take N of the faces, drawn by --seed (default: %(default)s)"
    )
    parser.add_argument("--run", type=Path, help="its float run: how far its Grad-CAM ranks the places alike")
    parser.add_argument("--occlusion", action="store_true", help="judge maps by occlusion, also where the model has its own")
    parser.add_argument("--json", action="store_true", help="one object instead of tables")


def _faithful(options: argparse.Namespace) -> int:
    from edgefake.models.file import ModelFile, require_card
    from training.device import on_device
    from training.faithful import explained_faces, faithfulness
    from training.runs import checkpoint_of, read_run

    name = require_card(ModelFile(options.model)).name
    run = options.run and (read_run(options.run), checkpoint_of(options.run))
    samples = [s for s in samples_of(options.data, options, one_sided=True) if options.split in (s.split, "all")]
    samples = [s for s in samples if s.size_matched]
    if len(samples) > options.limit:
        drawn = np.random.default_rng(options.seed).choice(len(samples), options.limit, replace=False)
        samples = [samples[index] for index in sorted(drawn)]
    faces = on_device(explained_faces, options.model, samples, options.seed, "occlusion" if options.occlusion else True)
    if len(faces) < 2:
        raise InputError(f"expected 2 faces or more that can be scored, got {len(faces)} of {len(samples)}: give more --data")
    found = faithfulness(faces, heats=_heats(*run, faces) if run else None, seed=options.seed)
    if options.json:
        print(json.dumps({"schema": SCHEMA, "model": name, **asdict(found), "holds": found.holds}))
    else:
        _print(name, found)
    return 0 if found.holds else 1


def _heats(run: Any, checkpoint: Path, faces: Sequence[ExplainedFace]) -> list[Map]:
    from edgefake.images import read_image
    from edgefake.preprocessing import face_pixels
    from training.explain import grad_cam, run_model  # loads TensorFlow

    model = run_model(run, checkpoint)
    samples = [face.sample for face in faces]
    crops = (face_pixels(read_image(s.path), s.box, size=run.size, margin=run.margin, mode=run.crop_mode) for s in samples)
    return [grad_cam(model, crop)[1] for crop in crops]


def _print(name: str, found: Faithfulness) -> None:
    print(f"# {printable(name)}, {found.faces} faces, maps: {found.evidence_from}", "", sep="\n")
    rows = [("deletion", found.deletion, found.deletion_gain), ("insertion", found.insertion, found.insertion_gain)]
    shown = [(curve, _number(own), *(_number(gain[other]) for other in ("random", "centred"))) for curve, own, gain in rows]
    print("\n".join(markdown_table(HEADING, shown)))
    if found.agreement is not None:
        print(f"\nRank correlation with Grad-CAM of the float model: {_number(found.agreement)}")


def _number(value: Interval) -> str:
    return f"{value:.2f}"

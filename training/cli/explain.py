"""``python -m training explain``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edgefake.defaults import DEFAULT_FACES
from edgefake.errors import InputError
from edgefake.faces.finders import FACES_HELP
from edgefake.schema import SCHEMA
from edgefake.text import portable_path, printable


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("explain", help="which parts of a face raise and lower a run's score: its own map, or Grad-CAM")
    parser.set_defaults(action=_explain)
    parser.add_argument("run", type=Path, help="run folder (float or QAT)")
    parser.add_argument("pictures", nargs="+", metavar="PATH", help="a picture, a folder or a quoted glob pattern")
    parser.add_argument("--out", type=Path, required=True, help="folder for the overlays")
    parser.add_argument("--find-faces", default=DEFAULT_FACES, help=f"how faces are found: {FACES_HELP} (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one object per face and line")


def _explain(options: argparse.Namespace) -> int:
    from edgefake.images import find_images
    from training.faces_table import find_faces
    from training.runs import checkpoint_of, read_run

    run, checkpoint = read_run(options.run), checkpoint_of(options.run)
    pictures = [path for source in options.pictures for path in find_images(source)]
    faces = find_faces({str(path): path for path in pictures}, options.find_faces)
    from training.explain import explain  # loads TensorFlow

    found = explain(run, checkpoint, faces, options.out)
    for one in found:
        if options.json:
            box = [one.box.x, one.box.y, one.box.width, one.box.height]
            path, overlay = portable_path(one.path), portable_path(one.overlay)
            print(json.dumps({"schema": SCHEMA, "path": path, "box": box, "p_fake": one.p_fake, "overlay": overlay}))
        else:
            print(f"{printable(one.path)}: p_fake {one.p_fake:.3f} before calibration, {printable(one.overlay)}")
    if not found:
        raise InputError(f"no face found in {len(pictures)} pictures: try --find-faces with a YuNet file, or frame")
    return 0

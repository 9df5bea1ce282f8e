"""A user's functional model in this project's form, with the same p_fake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tf_keras as keras

from edgefake.errors import InputError
from training.functional import Graph, build, read
from training.own.feed import Feed
from training.own.files import UserModel
from training.own.head import to_logits
from training.own.scaling import take_up_scaling
from training.safe.configs import ForeignError, check_config
from training.safe.hdf5 import open_arrays
from training.safe.headers import read_header

TRAINING_ONLY = {"ActivityRegularization", "AlphaDropout", "GaussianDropout", "GaussianNoise", "Identity"}


def standard(model: UserModel, feed: Feed, classes: Sequence[str]) -> Any:
    """``model`` as a flat tf_keras Functional model: float (N, S, S, 3), RGB, (pixel - 128) / 128 in, logits out, real first.

    Args:
        feed: what it was fed in its training.
        classes: what its outputs mean, in their order; one output rises with the second.

    Raises:
        InputError: it is no such graph, or holds what tf_keras has no layer for.
    """
    if model.keras is None:
        raise InputError("it is a computation without its layers")
    graph = read(model.keras)
    _drop_training_layers(graph, model.size)
    take_up_scaling(graph, feed, model.size)
    to_logits(graph, classes)
    return build(graph, name=model.name)


def load_standard(path: Path) -> Any:
    """The model that ``standard`` made, from its file; ``InputError`` when that is gone, damaged or another's."""
    if not path.is_file():
        raise InputError(f"the imported model {path} is gone: import the detector again")
    try:
        header = read_header(path)
        check_config(header.config)
        model = keras.models.model_from_json(json.dumps(header.config))
        with open_arrays(path):
            model.load_weights(path)
    except ForeignError as error:
        raise InputError(f"{path} is no imported model: it names {error}, which are not built from a file") from error
    except Exception as error:  # what Keras raises depends on the layer and on the damage
        raise InputError(f"{path} is no imported model: {(str(error) or repr(error)).splitlines()[0]}") from error
    return model


def _drop_training_layers(graph: Graph, size: int) -> None:
    """Remove what does nothing at inference; what brings pictures to ``size`` too, because the crop has it already."""
    for name, node in list(graph.nodes.items()):
        if node.kind in ("Resizing", "RandomCrop") and (node.config["height"], node.config["width"]) != (size, size):
            raise InputError(
                f"{name} ({node.kind}) makes pictures of {node.config['height']}×{node.config['width']} out of {size}×{size}: "
                "save the detector without it, with an input of that size"
            )
        nothing = node.kind == "Activation" and node.config["activation"] == "linear"
        if nothing or node.kind in TRAINING_ONLY or node.kind.startswith("Random") or node.kind == "Resizing":
            graph.remove(name)

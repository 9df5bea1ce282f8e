"""A card for a ``.tflite`` that somebody else converted: what it outputs, its calibration, thresholds and figures."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from convert.card import UNKNOWN_THRESHOLDS, complete, toolchain
from edgefake.card_files import check_model
from edgefake.errors import InputError
from edgefake.files import write_atomically
from edgefake.model_card import ModelCard, Scaling, Training
from training.device import on_device
from training.own.feed import FEEDS, Feed
from training.own.head import are_probabilities, check_classes
from training.samples import Sample


@dataclass(frozen=True, slots=True)
class Strange:
    """A ``.tflite`` file, and what its maker says about it."""

    path: Path
    feed: Feed
    classes: tuple[str, ...]
    """What its outputs mean, in their order; one output rises with the second."""
    margin: float


@dataclass(frozen=True, slots=True)
class Signature:
    """What a ``.tflite`` takes and gives."""

    input_shape: tuple[int, ...]
    outputs: int
    precision: str
    probabilities: bool
    """Whether its outputs for noise are."""


def write_own_card(
    strange: Strange,
    out: Path,
    *,
    name: str,
    training: Training,
    validation: Sequence[Sample],
    reports: dict[str, Sequence[Sample]],
) -> ModelCard:
    """Copy the model to ``out`` with a card in it.

    Raises ``InputError`` where the file takes or gives what no card can describe, or its scores do not rise with fakes.
    """
    if strange.feed.by_itself:
        known = ", ".join(name for name, feed in FEEDS.items() if not feed.by_itself)
        raise InputError(
            f"{strange.path} does not tell what its training fed it: say so with --scaling ({known} or OFFSET,SCALE; pixels "
            "where its own first layers scale them)"
        )
    check_model(strange.path)
    found = on_device(signature, strange.path)
    _, height, width, channels = (*found.input_shape, 0, 0, 0, 0)[:4]
    if len(found.input_shape) != 4 or height != width or channels != 3:
        raise InputError(f"{strange.path} takes {list(found.input_shape)}, expected one square RGB face [1, S, S, 3]")
    check_classes(strange.classes, found.outputs)
    offset, scale = set(strange.feed.offset), set(strange.feed.scale)
    if len(offset) > 1 or len(scale) > 1:
        raise InputError(
            "a card holds one offset and scale for all colours: convert the Keras model, which takes this scaling in"
        )
    kinds = ("p_fake", "probabilities") if found.probabilities else ("logit", "logits")
    bare = ModelCard(
        name=name,
        architecture=strange.path.stem,
        precision=found.precision,  # type: ignore[arg-type]
        input_size=height,
        crop_margin=strange.margin,
        output=kinds[found.outputs > 1],  # type: ignore[arg-type]
        classes=strange.classes,
        thresholds=UNKNOWN_THRESHOLDS,
        scaling=Scaling(offset.pop(), scale.pop()),
        colour_order="BGR" if strange.feed.bgr else "RGB",
        training=training,
        toolchain=toolchain(),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:  # what a kill leaves does not lie beside the models
        unfinished = Path(folder) / out.name
        shutil.copyfile(strange.path, unfinished)
        card = complete(unfinished, bare, validation, reports)
        write_atomically(out, unfinished.read_bytes())
    return card


def signature(path: Path) -> Signature:
    """Inspect a ``.tflite``. For use through ``on_device``."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs, expected a face and its score")
    rng, values = np.random.default_rng(0), []
    kind, (scale, zero_point) = inputs[0]["dtype"], outputs[0]["quantization"]
    for _ in range(16):
        noise = rng.integers(-128, 128, inputs[0]["shape"]) if np.issubdtype(kind, np.integer) else rng.random(inputs[0]["shape"])
        interpreter.set_tensor(inputs[0]["index"], noise.astype(kind))
        interpreter.invoke()
        raw = interpreter.get_tensor(outputs[0]["index"]).astype(np.float32)
        values.append(((raw - zero_point) * scale if scale else raw).reshape(-1))
    weights = {np.dtype(t["dtype"]) for t in interpreter.get_tensor_details() if np.prod(t["shape"]) > 64}
    precision = "int8" if np.dtype(np.int8) in weights else "float16" if np.dtype(np.float16) in weights else "float32"
    return Signature(tuple(map(int, inputs[0]["shape"])), values[0].size, precision, are_probabilities(np.array(values)))

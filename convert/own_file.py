"""A card for a ``.tflite`` or ``.onnx`` that somebody else made: what it outputs, its calibration, thresholds and figures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.card import UNKNOWN_THRESHOLDS, complete, toolchain
from edgefake.errors import InputError
from edgefake.faces.geometry import CropMode
from edgefake.files import write_atomically
from edgefake.models.card import ModelCard, Scaling, Training
from edgefake.models.file import model_bytes
from edgefake.runtimes.inputs import Layout, find_layout
from edgefake.runtimes.tflite import load
from training.device import on_device
from training.own.feed import FEEDS, Feed
from training.own.head import are_probabilities, check_classes
from training.samples import Sample


@dataclass(frozen=True, slots=True)
class Strange:
    """A model file, and what its maker says about it."""

    path: Path
    feed: Feed
    classes: tuple[str, ...]
    """What its outputs mean, in their order; one output rises with the second."""
    margin: float
    size: int | None = None
    """Side of its input, where the file leaves it open."""
    mode: CropMode = "inside"
    """What a crop did where its square would leave the picture."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model file takes and gives."""

    layout: Layout
    raw: bool
    """Whether it takes pixels as they are."""
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
    model = model_bytes(strange.path)
    if out.suffix != strange.path.suffix:
        raise InputError(f"{strange.path} stays what it is: name {out.name} with the ending {strange.path.suffix}")
    found = on_device(signature, strange.path, strange.size)
    feed = strange.feed
    if found.raw:
        if not feed.by_itself and feed != FEEDS["pixels"]:
            print(f"note: {strange.path} takes pixels as they are: its own first layers are left to scale them", file=sys.stderr)
        feed = Feed(bgr=feed.bgr)
    elif feed.by_itself:
        known = ", ".join(name for name, feed in FEEDS.items() if not feed.by_itself)
        raise InputError(
            f"{strange.path} does not tell what its training fed it: say so with --scaling ({known} or OFFSET,SCALE; pixels "
            "where its own first layers scale them)"
        )
    check_classes(strange.classes, found.outputs)
    if len(set(feed.offset)) > 1 or len(set(feed.scale)) > 1:
        if strange.path.suffix != ".onnx" or found.layout.channels == 1:
            raise InputError(
                "a card holds one offset and scale for all colours: convert the Keras model, which takes this scaling in"
            )
        model, feed = scaled_inside(model, feed, found.layout), Feed(bgr=feed.bgr)
    kinds = ("p_fake", "probabilities") if found.probabilities else ("logit", "logits")
    bare = ModelCard(
        name=name,
        architecture=strange.path.stem,
        precision=found.precision,  # type: ignore[arg-type]
        input_size=found.layout.height,
        crop_margin=strange.margin,
        crop_mode=strange.mode,
        output=kinds[found.outputs > 1],  # type: ignore[arg-type]
        classes=strange.classes,
        thresholds=UNKNOWN_THRESHOLDS,
        scaling=Scaling(feed.offset[0], feed.scale[0]),
        colour_order="BGR" if feed.bgr else "RGB",
        training=training,
        toolchain=toolchain(),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:  # what a kill leaves does not lie beside the models
        unfinished = Path(folder) / out.name
        unfinished.write_bytes(model)
        card = complete(unfinished, bare, validation, reports)
        write_atomically(out, unfinished.read_bytes())
    return card


def signature(path: Path, size: int | None) -> Signature:
    """Inspect a model file, whose input of open sides is taken with ``size``. For use through ``on_device``."""
    return (_of_onnx if path.suffix == ".onnx" else _of_tflite)(path, size)


def _of_tflite(path: Path, size: int | None) -> Signature:
    interpreter, name = load(path, 1)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    layout = _layout(path, [list(map(int, i["shape"])) for i in inputs], len(outputs), size)
    kind, (scale, zero_point) = inputs[0]["dtype"], outputs[0]["quantization"]

    def answer(noise: Noise) -> Noise:
        interpreter.set_tensor(inputs[0]["index"], noise)
        try:
            interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{path} cannot be run by {name}: {str(error).strip().splitlines()[0]}") from error
        raw = interpreter.get_tensor(outputs[0]["index"]).astype(np.float32)
        return (raw - zero_point) * scale if scale else raw

    answers = _answers(answer, kind, (1, *layout.shape))
    weights = {np.dtype(t["dtype"]) for t in interpreter.get_tensor_details() if np.prod(t["shape"]) > 64}
    raw = kind == np.uint8 and inputs[0]["quantization"][0] <= 0
    return Signature(layout, raw, answers.shape[1], _precision(weights), are_probabilities(answers))


def _of_onnx(path: Path, size: int | None) -> Signature:
    import onnx
    import onnxruntime

    model = onnx.load(path)
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions have no public base
        raise InputError(f"{path} cannot be loaded by onnxruntime: {str(error).strip().splitlines()[0]}") from error
    inputs = session.get_inputs()
    shapes = [[d if isinstance(d, int) else None for d in i.shape] for i in inputs]
    layout = _layout(path, shapes, len(session.get_outputs()), size)
    kind = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}.get(inputs[0].type)
    if kind is None:
        raise InputError(f"{path} takes {inputs[0].type}, expected faces as uint8 or float")

    def answer(noise: Noise) -> Noise:
        try:
            return np.asarray(session.run(None, {inputs[0].name: noise})[0], np.float32)
        except Exception as error:
            raise InputError(f"{path} cannot be run by onnxruntime: {str(error).strip().splitlines()[0]}") from error

    answers = _answers(answer, kind, (shapes[0][0] or 1, *layout.shape))
    kinds = onnx.helper.tensor_dtype_to_np_dtype
    weights = {np.dtype(kinds(t.data_type)) for t in model.graph.initializer if np.prod(t.dims) > 64}
    return Signature(layout, kind is np.uint8, answers.shape[1], _precision(weights), are_probabilities(answers))


Noise = npt.NDArray[Any]


def _layout(path: Path, inputs: Sequence[Sequence[int | None]], outputs: int, size: int | None) -> Layout:
    if len(inputs) != 1 or outputs != 1:
        raise InputError(f"{path} has {len(inputs)} inputs and {outputs} outputs, expected a face and its score")
    sides = {d for d in inputs[0][1:] if d is not None and d > 3} or {size}
    side = sides.pop() if len(sides) == 1 else None
    layout = find_layout(inputs[0], side, side) if side else None
    if layout is None:
        told = ", ".join("?" if d is None else str(d) for d in inputs[0])
        raise InputError(
            f"{path} takes [{told}], expected one square face, [1, S, S, 3] or [1, 3, S, S], or grey with 1 for 3"
            + ("; give --size where S is open" if None in inputs[0] else "")
        )
    return layout


def _answers(answer: Callable[[Noise], Noise], kind: Any, shape: tuple[int, ...]) -> Noise:
    """Outputs (N, K) for noise of every brightness and contrast: a network may answer 0…1 in logits to all that look alike."""
    rng = np.random.default_rng(0)
    levels = [(level, contrast) for contrast in np.linspace(0, 1, 4) for level in np.linspace(0, 1, 4)]
    noise = [np.clip(level + contrast * (rng.random(shape) - 0.5), 0, 1) for level, contrast in levels]
    if np.issubdtype(kind, np.integer):
        noise = [np.round(faces * 255) + np.iinfo(kind).min for faces in noise]
    return np.concatenate([answer(faces.astype(kind)).reshape(len(faces), -1) for faces in noise])


def _precision(weights: set[np.dtype[Any]]) -> str:
    eight_bits = weights & {np.dtype(np.int8), np.dtype(np.uint8)}
    return "int8" if eight_bits else "float16" if np.dtype(np.float16) in weights else "float32"


def scaled_inside(model: bytes, feed: Feed, layout: Layout) -> bytes:
    """The ``.onnx`` with ``feed`` as its first operations, so that it takes float pixels 0…255."""
    import onnx

    changed = onnx.load_from_string(model)
    graph = changed.graph
    kind = onnx.helper.tensor_dtype_to_np_dtype(graph.input[0].type.tensor_type.elem_type)
    name, shape = graph.input[0].name, (3, 1, 1) if layout.first else (3,)
    taken = {n for node in graph.node for n in (*node.input, *node.output)} | {i.name for i in graph.initializer}

    def unused(wish: str) -> str:
        return wish if wish not in taken else unused(f"{wish}_")

    scaled, centred, offset, scale = (unused(f"{name}_{what}") for what in ("scaled", "centred", "offset", "scale"))
    _rename(graph, name, scaled)
    for constant, values in ((offset, feed.offset), (scale, feed.scale)):
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(values, kind).reshape(shape), constant))
    graph.node.insert(0, onnx.helper.make_node("Sub", [name, offset], [centred]))
    graph.node.insert(1, onnx.helper.make_node("Div", [centred, scale], [scaled]))
    return changed.SerializeToString()


def _rename(graph: Any, old: str, new: str) -> None:
    """Let every node of ``graph`` and of the graphs inside it take ``new`` for ``old``."""
    for node in graph.node:
        node.input[:] = [new if taken == old else taken for taken in node.input]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, old, new)

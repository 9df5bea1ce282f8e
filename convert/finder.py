"""From a face finder's QAT run to its INT8 ``.tflite`` and ``.onnx``, and how they compare with the float model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from convert.build import ConversionError
from convert.card import toolchain
from convert.golden import with_golden
from convert.graph import read_graph
from convert.onnx import export_onnx
from convert.source import keras_outputs
from convert.tflite import int8_tflite, output_names
from edgefake.errors import InputError
from edgefake.faces import decode
from edgefake.files import write_atomically
from edgefake.images import read_image
from edgefake.models.card import Metrics, ModelCard, Training
from edgefake.models.file import ModelFile, require_card, write_card
from edgefake.pixels import Pixels
from edgefake.runtimes import Outputs
from edgefake.text import printable
from training.device import on_device, raw_outputs
from training.finder.data import Photo, chosen, read_photos, readable
from training.finder.evaluate import Picture, compare, figures, scaled
from training.finder.fit import validation_photos
from training.finder.network import STEP
from training.finder.qat import folded_finder, quantized_finder
from training.finder.runs import FinderRun, read_run
from training.finder.searches import LOWEST
from training.runs import checkpoint_of

MAX_AP_LOSS = 0.01
GREY = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class FinderSource:
    """A finder in float and after QAT, for inputs of one size."""

    run: FinderRun
    height: int
    width: int
    float_model: Any
    int8_model: Any
    photos: list[Photo]
    """Of the validation: its forms are compared on them."""


@dataclass(frozen=True, slots=True)
class FinderCheck:
    """Average precision by form, on the same pictures: in float, after QAT, and of what was converted."""

    pictures: int
    ap: dict[str, float]
    """``float``, ``QAT``, ``TFLite INT8``, ``ONNX INT8``."""

    def faults(self) -> list[str]:
        """Why the gate fails; empty when it is passed."""
        return [
            f"the AP of {name} is {self.ap['float'] - ap:.4f} below that of the float model, {self.ap['float']:.4f}: more than "
            f"{MAX_AP_LOSS}"
            for name, ap in self.ap.items()
            if name.endswith("INT8") and not self.ap["float"] - ap <= MAX_AP_LOSS
        ]


def finder_source(folder: Path, height: int, width: int) -> FinderSource:
    """The QAT run in ``folder`` and its float parent.

    Raises ``InputError`` for a float run, a side that is no multiple of 32, and data without a face to compare the forms on.
    """
    if height % STEP or width % STEP:
        raise InputError(f"expected a height and width that are multiples of {STEP}, got {height} and {width}")
    run, checkpoint = read_run(folder), checkpoint_of(folder)
    if run.stage != "qat":
        shown = printable(folder)
        raise InputError(f"{shown} is a float run: fine-tune it first with python -m training finder qat {shown} --run …")
    photos = validation_photos(run)
    if not any(photo.sure.any() for photo in photos):
        data = ", ".join(map(printable, run.data))
        raise InputError(
            f"expected validation pictures with a face in {data}, got {len(photos)} without: train on data that has some"
        )
    models = folded_finder(Path(run.weights), height, width), quantized_finder(checkpoint, height, width)
    return FinderSource(run, height, width, *models, photos)


def build_finder(
    source: FinderSource, out: Path, *, name: str, data: str, licence: str, min_score: float
) -> dict[Path, ModelCard]:
    """Write ``NAME_int8.tflite`` and ``.onnx`` into ``out``; the cards by file. From ``min_score`` on a box is a face.

    The figures in the cards are of the data's test pictures, each seen in one piece. Raises ``ConversionError`` when the graph
    is not fully INT8 in one XNNPACK partition.
    """
    run = source.run
    final = out / f"{name}_int8.tflite"
    bare = ModelCard(
        name=final.stem,
        architecture="face_finder",
        precision="int8",
        input_size=(source.height, source.width),
        kind="face_finder",
        outputs=output_names(source.float_model),
        min_score=min_score,
        training=Training(data, licence, _commands(run), run.seed),
        toolchain=toolchain(),
        parent_sha256=hashlib.sha256(Path(run.weights).read_bytes()).hexdigest(),
    )
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:  # what a kill leaves does not lie beside the models
        unfinished = Path(folder) / final.name
        unfinished.write_bytes(int8_tflite(source.int8_model, size=(source.height, source.width)))
        if faults := on_device(read_graph, unfinished).faults():
            raise ConversionError(f"the INT8 graph of the face finder is not fit for the device: {'; '.join(faults)}")
        card = with_golden(unfinished, bare)
        card = write_card(unfinished, replace(card, metrics=_metrics(unfinished, card, run, data)))
        write_atomically(final, unfinished.read_bytes())
    exported = export_onnx(final, final.with_suffix(".onnx"))
    return {final: card, exported: require_card(ModelFile(exported), "face_finder")}


def check_finder(source: FinderSource, cards: dict[Path, ModelCard]) -> FinderCheck:
    """Compare the forms on the pictures that the run was validated on."""
    photos = source.photos
    pixels, scales = _fitted(photos, source.height, source.width)
    forms = {"float": keras_outputs(source.float_model, pixels), "QAT": keras_outputs(source.int8_model, pixels)}
    for path, card in cards.items():
        forms[f"{'ONNX' if path.suffix == '.onnx' else 'TFLite'} INT8"] = on_device(raw_outputs, path, card, pixels)
    found = {name: _judged(outputs, photos, scales, source.height, source.width) for name, outputs in forms.items()}
    return FinderCheck(len(photos), {name: figures(p, p, LOWEST)["ap"].value for name, p in found.items()})


def _metrics(path: Path, card: ModelCard, run: FinderRun, data: str) -> tuple[Metrics, ...]:
    """Of the test pictures; none where the data has none."""
    photos = readable([photo for folder in dict.fromkeys(run.data) for photo in chosen(read_photos(Path(folder)), "test")])
    if not any(photo.sure.any() for photo in photos):
        return ()
    pixels, scales = _fitted(photos, card.height, card.width)
    pictures = _judged(on_device(raw_outputs, path, card, pixels), photos, scales, card.height, card.width)
    found = {name: f for name, f in figures(pictures, pictures, card.min_score).items() if "large" not in name}
    counts = {"pictures": len(pictures), "faces": sum(picture.given for picture in pictures)}
    return (Metrics(f"{data} test, each picture in one piece", counts, found),)


def _fitted(photos: Sequence[Photo], height: int, width: int) -> tuple[Pixels, list[float]]:
    """Whole pictures as the network takes them (uint8, (N, height, width, 3), RGB), beside grey, and their scales."""
    pixels = np.full((len(photos), height, width, 3), GREY, np.uint8)
    scales = []
    for row, photo in zip(pixels, photos, strict=True):
        picture = read_image(photo.path)
        scales.append(min(1.0, height / picture.shape[0], width / picture.shape[1]))  # devices enlarge nothing
        fitting = scaled(picture, scales[-1])
        row[: fitting.shape[0], : fitting.shape[1]] = fitting[..., ::-1]
    return pixels, scales


def _judged(outputs: Outputs, photos: Sequence[Photo], scales: Sequence[float], height: int, width: int) -> list[Picture]:
    judged = []
    for index, (photo, scale) in enumerate(zip(photos, scales, strict=True)):
        by_name = {name: output[index] for name, output in zip(decode.OUTPUTS, outputs, strict=True)}
        found = decode.faces(by_name, height, width, min_score=LOWEST)
        judged.append(compare(found, photo.boxes * np.float32(scale), photo.sure))
    return judged


def _commands(run: FinderRun) -> tuple[str, ...]:
    return read_run(Path(run.weights).parent).command, run.command

"""p_fake of labelled faces under degradations: each picture is decoded once for all models. Imports neither runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edgefake import Detector
from edgefake.faces.geometry import overlap
from edgefake.images import read_image
from edgefake.models.card import ModelCard
from edgefake.models.file import ModelFile
from edgefake.pixels import Pixels
from edgefake.preprocessing import coloured, face_pixels
from edgefake.runtimes import open_runtime
from edgefake.system import available_cores
from training.degrade import CONDITIONS
from training.samples import Sample

PFake = npt.NDArray[np.float64]
Found = npt.NDArray[np.bool_]
Scorer = tuple[ModelCard, Callable[[Pixels], npt.NDArray[np.floating]]]
"""A card, and a function from faces (uint8, (N, S, S, 3), RGB) to the card's ``one_output`` (N,)."""

CHUNK = 128  # pictures in memory together, as crops
SAME_FACE = 0.3  # overlap (IoU) from which a found face is the labelled one


def scores(scorers: Sequence[Scorer], samples: Sequence[Sample], degradations: Sequence[str]) -> PFake:
    """p_fake (models, degradations, N) of the labelled faces, in bounded memory."""
    inputs = sorted({(card.side, card.crop_margin, card.crop_mode) for card, _ in scorers})

    def faces(sample: Sample) -> list[list[Pixels]]:
        """The face by degradation and by kind of input."""
        frame = read_image(sample.path)
        degraded = [CONDITIONS[name].apply(frame, sample.box) for name in degradations]
        return [
            [face_pixels(*changed, size=size, margin=margin, mode=mode) for size, margin, mode in inputs] for changed in degraded
        ]

    result = np.empty((len(scorers), len(degradations), len(samples)))
    with ThreadPoolExecutor(available_cores()) as pool, _progress(len(samples)) as progress:
        for start in range(0, len(samples), CHUNK):
            chunk = list(pool.map(faces, samples[start : start + CHUNK]))
            for d in range(len(degradations)):
                stacks = {key: np.stack([one[d][i] for one in chunk]) for i, key in enumerate(inputs)}
                for m, (card, outputs) in enumerate(scorers):
                    pixels = stacks[card.side, card.crop_margin, card.crop_mode]
                    result[m, d, start : start + len(chunk)] = card.p_fake(outputs(pixels))
            progress.update(len(chunk))
    return result


def device_scores(models: Sequence[tuple[Path, ModelCard]], samples: Sequence[Sample], degradations: Sequence[str]) -> PFake:
    """``scores`` of model files, face by face as on a device. For use through ``training.device.on_device``."""

    def scorer(path: Path, card: ModelCard) -> Scorer:
        runtime = open_runtime(ModelFile(path, card), card.input_spec, num_threads=2)

        def outputs(faces: Pixels) -> npt.NDArray[np.floating]:
            raw = [runtime.run(coloured(face[None], card.colour_order))[0] for face in faces]
            return card.one_output(np.concatenate(raw))

        return card, outputs

    return scores([scorer(path, card) for path, card in models], samples, degradations)


def detector_scores(
    models: Sequence[Path], samples: Sequence[Sample], degradations: Sequence[str], find_faces: str
) -> tuple[PFake, Found]:
    """p_fake (models, degradations, N) of the labelled faces, found and scored by ``Detector``, NaN without one; which of them
    (degradations, N) were found. For ``on_device``.

    Other faces in a picture do not count: its label says nothing about them. A face that was found may be too small or too
    blurred to be scored.
    """
    result = np.full((len(models), len(degradations), len(samples)), np.nan)
    were_found = np.zeros(result.shape[1:], bool)
    with ExitStack() as stack, _progress(len(samples)) as progress:
        detectors = [stack.enter_context(Detector(model, faces=find_faces, num_threads=2)) for model in models]
        for i, sample in enumerate(samples):
            frame = read_image(sample.path)
            for d, name in enumerate(degradations):
                degraded, box = CONDITIONS[name].apply(frame, sample.box)
                best = max(detectors[0].find_faces(degraded), key=lambda face: overlap(face.box, box), default=None)
                if best is None or overlap(best.box, box) < SAME_FACE:
                    continue
                were_found[d, i] = True
                for m, detector in enumerate(detectors):
                    p_fake = detector.predict(degraded, boxes=[best]).p_fake
                    result[m, d, i] = np.nan if p_fake is None else p_fake
            progress.update()
    return result, were_found


def _progress(total: int) -> tqdm:
    return tqdm(total=total, desc="scoring", unit="picture", disable=None)

"""The bundled models on photos of real people: one that matplotlib ships, and a labelled folder that the tester names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgefake import Detector, Status, Verdict, read_image
from edgefake.statistics import auc
from training.samples import load_samples

MODELS = ("lite0_local_int8", "resnet18_int8", "cnn_int8")


@pytest.fixture(scope="module")
def grace_hopper() -> np.ndarray:
    """A public-domain portrait of Grace Hopper in uniform (512×600)."""
    from matplotlib import get_data_path

    return read_image(Path(get_data_path()) / "sample_data" / "grace_hopper.jpg")


@pytest.mark.parametrize("model", MODELS)
def test_a_real_portrait_is_real_at_every_usual_resolution(model: str, grace_hopper: np.ndarray) -> None:
    import cv2

    with Detector(model) as detector:
        for factor in (0.5, 1.0, 2.0):
            prediction = detector.predict(np.asarray(cv2.resize(grace_hopper, None, fx=factor, fy=factor), np.uint8))
            assert (prediction.status, prediction.faces[0].verdict) == (Status.OK, Verdict.REAL)
            # Enlarged, a medal on her uniform passes for a face too, as the finder's page says; of it a detector may be unsure.
            assert prediction.verdict is not Verdict.FAKE
            assert [face.box.width > 80 * factor for face in prediction.faces] == [True, False][: len(prediction.faces)]


@pytest.mark.parametrize(
    ("model", "least"), [("lite0_local_int8", 0.95), ("resnet18_int8", 0.92), ("cnn_int8", 0.93), ("mobilenet_v2_035_int8", 0.97)]
)
def test_labelled_faces_are_told_apart(model: str, least: float) -> None:
    root = os.environ.get("EDGEFAKE_TEST_DATA")
    if not root:
        pytest.skip("set EDGEFAKE_TEST_DATA to the folder of the OpenForensics subset (val/real, val/fake, faces.csv)")
    samples = [s for s in load_samples(Path(root)) if s.split == "val" and s.size_matched][::4]
    with Detector(model) as detector:
        scores = [detector.predict(read_image(s.path), boxes=[s.box]).p_fake for s in samples]
    scored = [(s.label, p) for s, p in zip(samples, scores, strict=True) if p is not None]
    assert len(scored) > 0.99 * len(samples)
    labels, p_fake = np.array(scored).T
    assert auc(labels.astype(int), p_fake) > least

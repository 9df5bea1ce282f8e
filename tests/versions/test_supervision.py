"""Predictions become detections of the package supervision, as pip installs it beside edgefake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.versions.conftest import Make

PROGRAM = """
import json, sys
import edgefake
with edgefake.Detector("cnn_int8") as detector:
    prediction = detector.predict(edgefake.read_image(sys.argv[1]))
    found = prediction.to_supervision()
    names = list(found.data["class_name"])
    print(json.dumps([found.xyxy.tolist(), found.confidence.tolist(), found.class_id.tolist(), names]))
    print(json.dumps([[face.box.xyxy for face in prediction.faces], prediction.p_fake, prediction.verdict]))
    print(len(detector.predict(edgefake.read_image(sys.argv[1]), boxes=[]).to_supervision()))
"""


@pytest.mark.slow
def test_faces_are_detections(make_environment: Make, portrait: Path) -> None:
    environment = make_environment("supervision>=0.25")
    done = environment.run("-c", PROGRAM, str(portrait))
    assert done.returncode == 0, done.stderr
    found, expected, count = done.stdout.splitlines()
    boxes, confidence, classes, names = json.loads(found)
    expected_boxes, p_fake, verdict = json.loads(expected)
    np.testing.assert_allclose(boxes, expected_boxes, atol=1e-3)
    np.testing.assert_allclose(confidence, [p_fake], atol=1e-6)
    assert (classes, names) == ([int(verdict == "fake")], [verdict])
    assert int(count) == 0

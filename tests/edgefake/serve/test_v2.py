"""The Open Inference Protocol: an unmodified client of others, and bodies that no client sends."""

from __future__ import annotations

import base64
import json
import math
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from edgefake import Detector, Prediction, read_image
from edgefake.serve.limits import Limits
from edgefake.serve.refusals import Refusal
from edgefake.serve.v2 import read_request
from tests.edgefake.serve.serving import Serving

MODEL = "cnn_int8"
INFER = f"/v2/models/{MODEL}/infer"


@pytest.fixture
def client(served: Serving) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{served.port}") as client:
        yield client


def images(*files: bytes, binary: bool = True) -> list[triton.InferInput]:
    tensor = triton.InferInput("image", [len(files)], "BYTES")
    tensor.set_data_from_numpy(np.array(files, dtype=np.object_), binary_data=binary)
    return [tensor]


def frames(stacked: np.ndarray, binary: bool = True) -> list[triton.InferInput]:
    tensor = triton.InferInput("frame", list(stacked.shape), "UINT8")
    tensor.set_data_from_numpy(stacked, binary_data=binary)
    return [tensor]


@pytest.fixture(scope="module")
def own(portrait: Path) -> Prediction:
    with Detector(MODEL, num_threads=1) as detector:
        return detector.predict(read_image(portrait))


def test_what_is_there(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(MODEL) and client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready(MODEL, "2") and not client.is_model_ready("other")
    server = client.get_server_metadata()
    assert server["name"] == "edgefake" and server["extensions"] == ["binary_tensor_data"]
    model = client.get_model_metadata(MODEL)
    assert model == client.get_model_metadata(MODEL, "1")
    assert model["versions"] == ["1"]
    assert [(one["name"], one["datatype"], one["shape"]) for one in model["inputs"]] == [
        ("image", "BYTES", [-1]),
        ("frame", "UINT8", [-1, -1, -1, 3]),
    ]
    assert [(one["name"], one["datatype"]) for one in model["outputs"]] == [
        ("p_fake", "FP32"),
        ("status", "BYTES"),
        ("prediction", "BYTES"),
    ]


def test_files(client: triton.InferenceServerClient, portrait: Path, jpeg: bytes, own: Prediction) -> None:
    answer = client.infer(MODEL, images(portrait.read_bytes(), jpeg, b"damaged"), request_id="7")
    assert answer.get_response()["id"] == "7"
    assert answer.get_response()["model_name"] == MODEL and answer.get_response()["model_version"] == "1"
    p_fake = answer.as_numpy("p_fake")
    assert p_fake.dtype == np.float32 and p_fake[0] == np.float32(own.p_fake) and np.isnan(p_fake[1:]).all()
    assert answer.as_numpy("status").tolist() == [b"ok", b"no_face", b"error"]
    lines = [json.loads(line) for line in answer.as_numpy("prediction")]
    assert Prediction.from_dict(lines[0]).faces == Prediction.from_dict(own.to_dict()).faces
    assert "JPEG" in lines[2]["error"]


def test_frames(client: triton.InferenceServerClient, portrait: Path, own: Prediction) -> None:
    frame = read_image(portrait)
    answer = client.infer(MODEL, frames(np.stack([frame, frame[:, ::-1]])), model_version="1")
    p_fake = answer.as_numpy("p_fake")
    assert p_fake.shape == (2,) and p_fake[0] == np.float32(own.p_fake) != p_fake[1]


def test_outputs_as_they_are_wanted(client: triton.InferenceServerClient, portrait: Path, jpeg: bytes, own: Prediction) -> None:
    """Some binary, some in JSON, in the order in which they are asked for."""
    outputs = [
        triton.InferRequestedOutput("status", binary_data=True),
        triton.InferRequestedOutput("p_fake", binary_data=False),
    ]
    answer = client.infer(MODEL, images(portrait.read_bytes(), jpeg), outputs=outputs)
    told = answer.get_response()["outputs"]
    assert [output["name"] for output in told] == ["status", "p_fake"]
    assert told[1]["data"] == [own.p_fake, None] and "data" not in told[0]
    assert answer.as_numpy("status").tolist() == [b"ok", b"no_face"]
    assert answer.as_numpy("prediction") is None


def test_a_small_frame_in_json(client: triton.InferenceServerClient) -> None:
    answer = client.infer(MODEL, frames(np.zeros((1, 2, 2, 3), np.uint8), binary=False))
    assert answer.as_numpy("status").tolist() == [b"no_face"]


def test_options_are_parameters(client: triton.InferenceServerClient, portrait: Path) -> None:
    answer = client.infer(MODEL, images(portrait.read_bytes()), parameters={"threshold": 0.0, "prior": 0.01})
    (line,) = map(json.loads, answer.as_numpy("prediction"))
    assert line["verdict"] == "fake" and line["prior"] == 0.01


AT_ONCE = """
import sys
import numpy as np
import tritonclient.http as triton

address, path, model = sys.argv[1:]
image = triton.InferInput("image", [1], "BYTES")
image.set_data_from_numpy(np.array([open(path, "rb").read()], np.object_))
with triton.InferenceServerClient(address, concurrency=4) as client:
    asked = [client.async_infer(model, [image]) for _ in range(8)]
    print(*{float(one.get_result().as_numpy("p_fake")[0]) for one in asked})
"""
"""In a process of its own, as clients are: gevent's loop does not go with the threads that serve beside it."""


def test_several_requests_at_once(served: Serving, portrait: Path, own: Prediction) -> None:
    command = [sys.executable, "-c", AT_ONCE, f"127.0.0.1:{served.port}", str(portrait), MODEL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == [str(float(np.float32(own.p_fake)))], done.stderr


@pytest.mark.parametrize(
    ("model", "version", "inputs", "status", "fact"),
    [
        ("other", "", images(b"x"), "404", MODEL),
        (MODEL, "2", images(b"x"), "404", "version 1"),
        (MODEL, "", images(b"damaged"), "415", "JPEG"),
        (MODEL, "", images(*[b"x"] * 33), "422", "32"),
        (MODEL, "", frames(np.zeros((1, 4, 4, 4), np.uint8)), "400", "-1, -1, -1, 3"),
        (MODEL, "", [triton.InferInput("picture", [1], "BYTES").set_data_from_numpy(np.array([b"x"]))], "400", "picture"),
        (MODEL, "", [*images(b"x"), *images(b"y")], "400", "2"),
    ],
)
def test_errors_reach_the_client(
    client: triton.InferenceServerClient, model: str, version: str, inputs: list[Any], status: str, fact: str
) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, inputs, model_version=version)
    assert caught.value.status() == status and fact in caught.value.message()


def question(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(b"x").decode()]}
    return {"inputs": [{**tensor, **changes}]}


def test_json_alone(served: Serving, portrait: Path) -> None:
    """As curl sends it: no header, files as base64, the answer all JSON."""
    asked = question(data=[base64.b64encode(portrait.read_bytes()).decode()])
    answer = served.post(INFER, json=asked)
    assert answer.headers["Content-Type"] == "application/json" and "id" not in answer.json()
    by_name = {output["name"]: output for output in answer.json()["outputs"]}
    assert by_name["status"] == {"name": "status", "datatype": "BYTES", "shape": [1], "data": ["ok"]}
    answer = served.post(INFER, json={**asked, "parameters": {"binary_data_output": True}, "id": "a"})
    length = int(answer.headers["Inference-Header-Content-Length"])
    head = json.loads(answer.content[:length])
    assert head["id"] == "a"
    assert len(answer.content) == length + sum(output["parameters"]["binary_data_size"] for output in head["outputs"])


BAD: list[tuple[dict[str, Any] | list[Any] | str, str]] = [
    ("{", "JSON"),
    ([], "object"),
    ({}, "inputs"),
    ({"inputs": {}}, "inputs"),
    ({"inputs": [1]}, "1"),
    ({"inputs": []}, "0"),
    (question(name="x"), "x"),
    (question(datatype="UINT8"), "BYTES"),
    (question(shape=[2]), "2"),
    (question(shape=[0]), "shape"),
    (question(shape=[True]), "shape"),
    (question(shape=None), "shape"),
    (question(data=["no base64!"]), "base64"),
    (question(data=None), "base64"),
    (question(data=[""] * 9), "more"),
    (question(parameters={"binary_data_size": 4}), "4"),
    (question(parameters={"shared_memory_region": "a"}), "shared_memory_region"),
    (question(parameters={"shared_memory\ud800": "a"}), "shared_memory\\ud800"),
    (question(name="frame", datatype="UINT8", shape=[1, 1, 1, 3], data=[0, 0, 256]), "255"),
    (question(name="frame", datatype="UINT8", shape=[1, 1, 1, 3], data=[0, 0]), "3"),
    (question(name="frame", datatype="UINT8", shape=[1, 1, 1, 3], data=[[0], 0]), "3"),
    (question(name="frame", datatype="UINT8", shape=[1, 1, 1, 3], data=["a", "b", "c"]), "3"),
    (question(name="frame", datatype="UINT8", shape=[1, 1, 1, 3], data=[0, 0, True]), "3"),
    (question(name="frame", datatype="UINT8", shape=[1, 1, 1, 3], data=[0, 0, 10**400]), "3"),
    ({**question(), "id": 7}, "7"),
    ({**question(), "outputs": [{"name": "logit"}]}, "logit"),
    ({**question(), "outputs": 3}, "outputs"),
    ({**question(), "outputs": [{"name": "status"}] * 2}, "status twice"),
    ({**question(), "outputs": [{"name": "status", "parameters": {"shared_memory\ud800": 1}}]}, "shared_memory\\ud800"),
    ({**question(), "outputs": [{"name": "p_fake", "parameters": {"classification": 2}}]}, "classification"),
    ({**question(), "outputs": [{"name": "p_fake", "parameters": {"binary_data": 1}}]}, "binary_data"),
    ({**question(), "parameters": {"binary_data_output": "yes"}}, "binary_data_output"),
    ({**question(), "parameters": {"threshold": [1]}}, "threshold"),
]


@pytest.mark.parametrize(("asked", "fact"), BAD)
def test_what_the_protocol_does_not_know(served: Serving, asked: Any, fact: str) -> None:
    body = asked if isinstance(asked, str) else json.dumps(asked)
    answer = served.post(INFER, data=body)
    assert answer.status_code == 400
    assert fact in answer.json()["error"]


def test_a_threshold_that_no_float_holds(served: Serving) -> None:
    answer = served.post(INFER, data=json.dumps({**question(), "parameters": {"threshold": 10**400}}))
    assert answer.status_code == 422 and "1000" in answer.json()["error"]


def test_frames_that_are_too_large(served: Serving) -> None:
    answer = served.post(INFER, json=question(name="frame", datatype="UINT8", shape=[1, 10_000, 10_000, 3], data=[]))
    assert answer.status_code == 413 and "10000×10000" in answer.json()["error"]


@pytest.mark.parametrize("length", ["-1", "x", "99999", "1e3", "9" * 30])
def test_lengths_of_the_header(served: Serving, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length}
    answer = served.post(INFER, data=json.dumps(question()), headers=headers)
    assert answer.status_code == 400 and "Inference-Header-Content-Length" in answer.json()["error"]


def test_bodies_that_were_changed() -> None:
    """Whatever came: pictures of the shape that was declared, or a refusal."""
    tensors = [
        *images(b"one", b"another picture"),
        *frames(np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)),
    ]
    rng = random.Random(7)
    taken = 0
    for tensor in tensors:
        body, length = triton.InferenceServerClient.generate_request_body([tensor])
        for _ in range(1500):
            changed = bytearray(body)
            for _ in range(rng.randint(0, 3)):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            del changed[rng.choice([len(body), rng.randrange(len(body))]) :]
            try:
                asked = read_request(bytes(changed), str(length), Limits())
            except Refusal as refusal:
                assert 400 <= refusal.status < 500
            else:
                taken += 1
                assert math.prod([len(asked.pictures), len(asked.outputs)]) >= 3
    assert taken > 100

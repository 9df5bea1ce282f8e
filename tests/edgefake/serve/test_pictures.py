"""``POST /predict``, asked over loopback."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edgefake import Detector, Prediction, read_image
from tests.edgefake.serve.serving import Serving
from tests.edgefake.test_schema import documented


def test_the_answer_is_the_documented_json(served: Serving, portrait: Path) -> None:
    answer = served.post("/predict", files={"file": ("portrait.jpg", portrait.read_bytes())})
    assert answer.status_code == 200
    told = answer.json()
    assert {*told} == documented("Predictions") and told["schema"] == 1
    (line,) = told["predictions"]
    assert {*line} == documented("Prediction") - {"error"}
    assert {*line["faces"][0]} == documented("Face")
    assert (line["path"], line["picture"], line["pictures"]) == ("portrait.jpg", 1, 1)
    with Detector("cnn_int8", num_threads=1) as detector:
        own = detector.predict(read_image(portrait))
    assert Prediction.from_dict(line).p_fake == own.p_fake
    assert line["faces"] == [face.to_dict() for face in own.faces]


def test_a_copy_that_no_jpeg_holds(served: Serving) -> None:
    """It is refused, the answer in JSON is not, and the next request is answered."""
    long = declaring(70_000, 20)
    answer = served.send(long, params={"annotate": "1"})
    assert answer.status_code == 422 and "65500" in answer.json()["error"] and "70000×20" in answer.json()["error"]
    assert served.send(long).json()["predictions"][0]["status"] == "no_face"


def test_it_is_described(served: Serving) -> None:
    schemas = served.get("/openapi.json").json()["components"]["schemas"]
    for name, section in (("Predictions", "Predictions"), ("PictureAnswer", "Prediction"), ("FaceAnswer", "Face")):
        assert {*schemas[name]["properties"]} == documented(section)


def test_a_picture_as_it_is(served: Serving, portrait: Path) -> None:
    (line,) = served.send(portrait.read_bytes()).json()["predictions"]
    assert line["status"] == "ok" and line["path"] is None
    for kind in ("image/x-anything", "application/octet-stream", None):
        headers = {"Content-Type": kind}
        assert served.post("/predict", data=portrait.read_bytes(), headers=headers).status_code == 200, kind


def test_several_pictures_keep_their_order(served: Serving, portrait: Path, jpeg: bytes) -> None:
    names = ["a.jpg", "b.jpg", "bad.jpg", "c.jpg"]
    contents = [jpeg, portrait.read_bytes(), jpeg[:300], jpeg]
    files = [("file", pair) for pair in zip(names, contents, strict=True)]
    lines = served.post("/predict", files=files).json()["predictions"]
    assert [(line["path"], line["status"]) for line in lines] == list(
        zip(names, ["no_face", "ok", "error", "no_face"], strict=True)
    )
    assert {*lines[2]} == documented("Prediction") and "bad.jpg" in lines[2]["error"]


def animation(frames: int) -> bytes:
    buffer = io.BytesIO()
    pictures = [Image.new("RGB", (40, 40), (7 * n, 0, 0)) for n in range(frames)]
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


def test_every_picture_of_a_file(served: Serving) -> None:
    lines = served.send(animation(3)).json()["predictions"]
    assert [(line["picture"], line["pictures"], line["status"]) for line in lines] == [(n, 3, "no_face") for n in (1, 2, 3)]


def test_more_pictures_than_are_allowed(served: Serving, jpeg: bytes) -> None:
    answer = served.send(animation(33))
    assert answer.status_code == 422 and "32" in answer.json()["error"] and "33" in answer.json()["error"]
    answer = served.post("/predict", files=[("file", jpeg)] * 33)
    assert answer.status_code == 422 and "32" in answer.json()["error"]


def test_a_marked_copy(served: Serving, portrait: Path, jpeg: bytes) -> None:
    answer = served.send(portrait.read_bytes(), params={"annotate": "1"})
    assert answer.headers["Content-Type"] == "image/jpeg"
    marked, plain = read_image(answer.content), read_image(portrait)
    assert marked.shape == plain.shape
    assert np.mean(cv2.absdiff(marked, plain) > 60) > 0.001
    assert json.loads(answer.headers["Edgefake-Prediction"])["verdict"] == "real"
    answer = served.post("/predict", files=[("file", jpeg)] * 2, params={"annotate": "1"})
    assert answer.status_code == 422 and "2" in answer.json()["error"]


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ({}, "real"),
        ({"threshold": "0"}, "fake"),
        ({"threshold": "fpr_1%"}, "real"),
        ({"threshold": "1e-9", "prior": "0.01"}, "fake"),
        ({"prior": "0.999"}, "real"),
    ],
)
def test_options(served: Serving, portrait: Path, options: dict[str, str], verdict: str) -> None:
    (line,) = served.send(portrait.read_bytes(), params=options).json()["predictions"]
    assert line["verdict"] == verdict
    assert line["prior"] == float(options.get("prior", 0.5))


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"threshold": "2"}, "2.0"),
        ({"threshold": "nan"}, "nan"),
        ({"threshold": "fpr_2%"}, "fpr_2%"),
        ({"threshold": "/etc/passwd.json"}, "passwd.json"),  # a name, and no file
        ({"prior": "0"}, "prior"),
        ({"prior": "1e-9"}, "prior"),
        ({"annotate": "perhaps"}, "annotate"),
    ],
)
def test_options_that_cannot_be_used(served: Serving, jpeg: bytes, options: dict[str, str], fact: str) -> None:
    answer = served.send(jpeg, params=options)
    assert answer.status_code == 422
    assert fact in answer.json()["error"]


def declaring(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and is small."""
    buffer = io.BytesIO()
    Image.new("1", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "status", "fact"),
    [
        (b"", 422, "0 bytes"),
        (b"no picture", 415, "JPEG"),
        (b"\0\0\0\x18ftypisom", 415, "video"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", 422, "damaged"),
        (declaring(8000, 7000), 413, "8000×7000"),
        (b"P6 100000000 9 255 ", 413, "100000000"),
        (b"https://example.org/a.jpg", 415, "JPEG"),
        (b"/etc/hostname", 415, "JPEG"),
    ],
)
def test_what_is_no_picture(served: Serving, data: bytes, status: int, fact: str) -> None:
    answer = served.send(data)
    assert answer.status_code == status
    assert fact in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "fact"),
    [
        (b"{}", {"Content-Type": "application/json"}, 415, "application/json"),
        (b"x", {"Content-Type": "image/jpeg", "Content-Encoding": "gzip"}, 415, "compressed"),
        (b"x", {"Content-Type": "multipart/form-data"}, 422, "boundary"),
        (b"x", {"Content-Type": "multipart/form-data; boundary=b"}, 422, "form"),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n',
            {"Content-Type": "multipart/form-data; boundary=b; charset=undefined"},
            422,
            "undefined",
        ),
        (b"--b\r\n", {"Content-Type": "multipart/form-data; boundary=b"}, 422, "none"),
    ],
)
def test_what_is_no_file(served: Serving, body: bytes, headers: dict[str, str], status: int, fact: str) -> None:
    answer = served.post("/predict", data=body, headers=headers)
    assert answer.status_code == status
    assert fact in answer.json()["error"]


def test_fields_have_a_name(served: Serving, jpeg: bytes) -> None:
    answer = served.post("/predict", files={"picture": jpeg})
    assert answer.status_code == 422
    assert "named picture" in answer.json()["error"] and "file" in answer.json()["error"]
    answer = served.post("/predict", files={"file": jpeg}, data={"url": "https://example.org/a.jpg"})
    assert answer.status_code == 422


def test_a_report(served: Serving, portrait: Path, jpeg: bytes) -> None:
    answer = served.post("/report", files={"file": ("<b>mine.jpg", portrait.read_bytes())}, params={"prior": "0.01"})
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    assert (
        "<html" in answer.text
        and "cnn_int8" in answer.text
        and "&lt;b&gt;mine.jpg" in answer.text
        and "<b>mine" not in answer.text
    )
    assert served.send(b"no picture", "/report").status_code == 415
    assert served.post("/report", files=[("file", jpeg)] * 2).status_code == 422


def test_reports_are_counted_and_of_many_faces_explain_none(served: Serving, portrait: Path) -> None:
    def counted() -> float:
        page = served.service.metrics.page()[0].decode()
        return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith("edgefake_pictures_total"))

    before = counted()
    one = served.send(portrait.read_bytes(), "/report")
    crowd = np.hstack([read_image(portrait)] * 9)
    many = served.send(cv2.imencode(".jpg", crowd)[1].tobytes(), "/report")
    assert "coloured copy" in one.text and many.status_code == 200 and "coloured copy" not in many.text
    assert counted() == before + 2

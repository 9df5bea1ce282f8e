from __future__ import annotations

import pickle
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from edgefake import Detector, InputError, read_image
from edgefake.defaults import DEFAULT_MODEL
from edgefake.models.card import Calibration
from edgefake.models.file import ModelFile, require_card, write_card
from edgefake.models.store import find_model
from edgefake.scan import Fingerprint, Judge, Settings, schema
from edgefake.scan.judge import batch_of, works_of
from edgefake.scan.reading import Work
from tests.edgefake.cli.pictures import draw, draw_flat
from tests.edgefake.images.files import tiff_of
from tests.edgefake.scan.archive import SETTINGS, archive, film


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(SETTINGS)


def test_a_row_says_what_the_detector_says(portrait: Path) -> None:
    judge = Judge(Settings(thumbnails=True))
    (row,) = judge(pa.table({"path": [str(portrait)]})).to_pylist()
    with Detector(num_threads=1) as detector:
        prediction = detector.predict(read_image(portrait))
    (face,), (expected,) = row["faces"], prediction.faces
    assert (row["status"], row["verdict"], row["p_fake"]) == ("ok", "real", prediction.p_fake)
    assert (row["kind"], row["frames"], row["size"]) == ("picture", 1, portrait.stat().st_size)
    assert (face["p_fake"], face["verdict"], face["status"]) == (expected.p_fake, "real", "ok")
    assert face["x"] == pytest.approx(expected.box.x, abs=0.06)
    assert face["size"] == pytest.approx(expected.quality.size, abs=0.06)
    assert max(cv2.imdecode(np.frombuffer(face["thumbnail"], np.uint8), cv2.IMREAD_COLOR).shape) == 112
    assert row["fingerprint"] == judge.fingerprint.id
    assert row["model"] == DEFAULT_MODEL
    judge.close()


def test_every_kind_of_batch(tmp_path: Path, judge: Judge) -> None:
    data = draw(tmp_path / "a.png").read_bytes()
    path = str(tmp_path / "a.png")
    batches = [
        pa.table({"path": [path]}),
        pa.record_batch({"path": [path]}),
        {"path": [path]},
        {"path": np.array([path], object)},
        {"path": [path], "bytes": [data]},
        {"bytes": [data]},
    ]
    tables = [judge(batch) for batch in batches]
    assert all(table.schema.equals(schema()) for table in tables)
    assert {table.column("path").to_pylist()[0] for table in tables[:-1]} == {path}
    assert tables[-1].column("path").to_pylist() == [None]
    assert len({str(table.drop_columns(["path"]).to_pylist()) for table in tables}) == 1
    assert judge(pa.table({"path": pa.array([], pa.string())})).num_rows == 0


def test_a_batch_without_files_is_refused(judge: Judge) -> None:
    with pytest.raises(InputError, match="picture, label"):
        judge({"picture": ["a.jpg"], "label": [1]})


def test_a_file_that_cannot_be_judged_is_a_row(tmp_path: Path, judge: Judge) -> None:
    whole = draw(tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "text.mp4").write_text("no video")
    draw_flat(tmp_path / "flat.png")
    names = ["cut.jpg", "empty.jpg", "text.jpg", "text.mp4", "absent.jpg", "", "flat.png", "whole.jpg"]
    found = judge({"path": [str(tmp_path / name) for name in names]}).to_pylist()
    assert [row["status"] for row in found] == [*["error"] * 6, "face_too_blurred", "ok"]
    facts = ("cut short", "0 bytes", "no picture", "text.mp4", "No such file", "Is a directory")
    for row, fact in zip(found, facts, strict=False):
        assert fact in row["error"]
        assert (row["verdict"], row["p_fake"], row["faces"] or []) == (None, None, [])


def test_a_file_is_as_fake_as_its_worst_picture(tmp_path: Path, judge: Judge) -> None:
    pages = [read_image(draw(tmp_path / f"{n}.png", seed=n)) for n in range(3)]
    (tmp_path / "pages.tiff").write_bytes(tiff_of(pages))
    row, *single = judge({"path": [str(tmp_path / name) for name in ("pages.tiff", "0.png", "1.png", "2.png")]}).to_pylist()
    assert row["frames"] == 3
    assert [face["picture"] for face in row["faces"]] == [1, 2, 3]
    assert [face["p_fake"] for face in row["faces"]] == [one["p_fake"] for one in single]
    assert row["p_fake"] == max(one["p_fake"] for one in single)


def test_a_video_is_judged_at_a_few_places(tmp_path: Path, judge: Judge) -> None:
    (row,) = judge({"path": [str(film(tmp_path / "film.avi"))]}).to_pylist()
    assert (row["kind"], row["status"], row["frames"], row["coverage"]) == ("video", "ok", 60, 1.0)
    assert row["p_fake"] == max(face["p_fake"] for face in row["faces"] if face["p_fake"] is not None)
    assert all(0 <= face["seconds"] <= 60 for face in row["faces"])
    data = (tmp_path / "film.avi").read_bytes()
    (again,) = judge({"bytes": [data]}).to_pylist()
    assert {**again, "path": row["path"]} == row


def test_the_fingerprint_follows_from_the_settings() -> None:
    with SETTINGS.open() as detector:
        first = Fingerprint.of(detector, SETTINGS)
        other = Fingerprint.of(detector, Settings(model="cnn_int8", faces="frame", clips=3))
    assert Fingerprint.from_json(first.to_json()) == first
    assert first.id != other.id
    assert first.differs(other) == ["clips 20, there 3"]
    with pytest.raises(InputError, match="schema 1, got 2"):
        Fingerprint.from_json(first.to_json().replace('"schema": 1', '"schema": 2'))


def test_work_survives_the_way_to_another_machine() -> None:
    works = [
        Work("a.jpg"),
        Work("s.tar::b.jpg", archive="s.tar", offset=512, length=9),
        Work("c.mp4", sha256="00", size=1, clips=7, end=5),
    ]
    assert works_of(batch_of(works)) == works
    assert pickle.loads(pickle.dumps(SETTINGS)) == SETTINGS


def test_another_calibration_or_crop_is_another_fingerprint(tmp_path: Path) -> None:
    ids = set()
    for change in ({}, {"calibration": Calibration(2.0, 0.5)}, {"crop_margin": 0.1}, {"crop_mode": "reflect"}):
        path = Path(shutil.copy(find_model("cnn_int8"), tmp_path / "model.tflite"))
        write_card(path, replace(require_card(ModelFile(path), None), **change))
        judge = Judge(Settings(model=str(path), threshold=0.5))
        ids.add(judge.open().id)
        judge.close()
    assert len(ids) == 4


def test_several_files_are_claimed_at_once_each_a_single_time_and_in_order(tmp_path: Path) -> None:
    pictures = archive(tmp_path, 40)
    asked: list[list[str]] = []

    def claim(keys: Sequence[tuple[str, str]]) -> list[bool]:
        asked.append([path for _, path in keys])
        return [path != str(pictures[20]) for _, path in keys]

    judge = Judge(SETTINGS, claim=claim)
    rows = list(judge.judged([Work(str(path)) for path in pictures]))
    judge.close()
    assert [path for group in asked for path in group] == [row["path"] for row in rows] == [str(path) for path in pictures]
    assert len(asked) < len(pictures) / 2
    assert [row["status"] == "same" for row in rows] == [path == pictures[20] for path in pictures]

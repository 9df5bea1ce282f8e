"""What is told of a file without judging it."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edgefake import InputError
from edgefake.images import PictureFile
from edgefake.report.facts import FileFacts, picture_facts, plain_facts, video_facts
from tests.edgefake.streaming.videos import moving_face, write_video


def facts_of(data: bytes, name: str = "x") -> FileFacts:
    return picture_facts(PictureFile.open(data), name)


def with_exif(**options: object) -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker\0", "Model <b>7</b>", options.get("turn", 1)
    exif[0x0132], exif[0x010E] = "2026:01:02 03:04:05", "x" * 1000
    exif.get_ifd(0x8769)[0x9003] = "2026:01:01 00:00:00"
    if options.get("place"):
        exif.get_ifd(0x8825)[1] = "N"
    output = io.BytesIO()
    Image.new("RGB", (40, 20), (90, 80, 70)).save(output, str(options.get("format", "JPEG")), exif=exif)
    return output.getvalue()


def test_a_picture(portrait: Path) -> None:
    facts, data = facts_of(portrait.read_bytes(), "portrait.jpg"), portrait.read_bytes()
    assert (facts.name, facts.bytes, facts.sha256) == ("portrait.jpg", len(data), hashlib.sha256(data).hexdigest())
    assert (facts.format, facts.width, facts.height, facts.pictures) == ("JPEG", 480, 600, 1)
    assert facts.exif == {} and facts.has_place is False


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_a_camera_wrote(kind: str) -> None:
    facts = facts_of(with_exif(format=kind, place=True))
    assert facts.exif["Camera"] == "Maker Model <b>7</b>" and facts.exif["Taken"] == "2026:01:01 00:00:00"
    assert facts.exif["Changed"] == "2026:01:02 03:04:05" and 100 < len(facts.exif["Description"]) <= 200
    assert facts.has_place
    assert not facts_of(with_exif(format=kind)).has_place


def test_dimensions_are_those_of_the_upright_picture() -> None:
    facts = facts_of(with_exif(turn=6))
    assert (facts.width, facts.height) == (20, 40)


@pytest.mark.parametrize("quality", [5, 30, 50, 75, 90, 95, 100])
def test_jpeg_quality(quality: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()
    found = facts_of(data).jpeg_quality
    assert found == quality
    assert facts_of(cv2.imencode(".png", picture)[1].tobytes()).jpeg_quality is None


def test_a_video(portrait: Path, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip%03d.mp4", moving_face(portrait, 12), fps=12)
    facts = video_facts(path, path.name)
    assert (facts.width, facts.height, facts.pictures, facts.fps, facts.seconds) == (320, 240, 12, 12.0, 1.0)
    assert facts.format and facts.format.startswith("video (")
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_any_file_and_none(tmp_path: Path) -> None:
    (tmp_path / "a\nb.txt").write_bytes(b"")
    assert plain_facts(tmp_path / "a\nb.txt", "a\nb.txt").name == "a\\x0ab.txt"
    for absent in ("none.jpg", "a\0b", "."):
        with pytest.raises(InputError):
            plain_facts(tmp_path / absent, absent)

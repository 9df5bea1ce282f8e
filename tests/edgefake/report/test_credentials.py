"""Content Credentials of real files: absent, intact, broken, elsewhere, damaged. Nothing is fetched."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake.report.credentials import Credentials, read_credentials
from tests.edgefake.report.signing import AI, SIGNER, signed
from tests.edgefake.streaming.videos import moving_face, write_video


@pytest.fixture(scope="module")
def intact(portrait: Path) -> bytes:
    return signed(portrait.read_bytes(), "image/jpeg")


def test_absent(portrait: Path, tmp_path: Path) -> None:
    assert read_credentials(portrait) == Credentials("absent")
    assert read_credentials(portrait.read_bytes()) == Credentials("absent")
    assert read_credentials(write_video(tmp_path / "clip.mp4", moving_face(portrait, 3))).state == "absent"


def test_intact_and_by_whom(intact: bytes) -> None:
    found = read_credentials(intact)
    assert (found.state, found.signer, found.made_with, found.made_by_model) == ("valid", SIGNER, "edgefake tests 1", False)
    assert found.faults == () and found.signed is None


def test_a_model_that_made_the_file_is_told(portrait: Path) -> None:
    assert read_credentials(signed(portrait.read_bytes(), "image/jpeg", source=AI)).made_by_model


def test_a_video_too(portrait: Path, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", moving_face(portrait, 3))
    clip.write_bytes(signed(clip.read_bytes(), "video/mp4"))
    assert (read_credentials(clip).state, read_credentials(clip).signer) == ("valid", SIGNER)


def test_a_changed_file_breaks_them(intact: bytes) -> None:
    changed = bytearray(intact)
    changed[-5000] ^= 1
    found = read_credentials(bytes(changed))
    assert (found.state, found.signer) == ("broken", SIGNER) and found.faults


def test_nothing_is_fetched(portrait: Path) -> None:
    """A server stands ready where the file says its credentials are, and nobody comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/manifest.c2pa"
        found = read_credentials(signed(portrait.read_bytes(), "image/jpeg", remote=address))
        with pytest.raises(TimeoutError):
            server.accept()
    assert found == Credentials("elsewhere")


def test_files_that_can_hold_none_or_are_damaged(intact: bytes, tmp_path: Path) -> None:
    bitmap = cv2.imencode(".bmp", np.zeros((9, 9, 3), np.uint8))[1].tobytes()
    assert read_credentials(bitmap).state == read_credentials(b"a text").state == "unsupported"
    assert read_credentials(intact[:9000]).state == "unreadable"
    assert read_credentials(tmp_path / "none.jpg").state == "unreadable"


def test_hostile_names_are_made_visible(portrait: Path) -> None:
    found = read_credentials(signed(portrait.read_bytes(), "image/jpeg", name="News\u202eroom\x1b[2J"))
    assert found.signer == "News\\u202eroom\\x1b[2J"


def test_no_damage_breaks_the_reader(intact: bytes) -> None:
    chance = random.Random(0)
    states = set()
    for _ in range(60):
        damaged = bytearray(intact)
        for _ in range(chance.choice((1, 3, 20))):
            damaged[chance.randrange(len(damaged) // 2)] = chance.randrange(256)
        states.add(read_credentials(bytes(damaged)).state)
    assert {"broken", "unreadable"} <= states <= {"absent", "broken", "elsewhere", "unreadable", "unsupported", "valid"}

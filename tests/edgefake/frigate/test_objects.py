"""What Frigate says, in the forms of its versions."""

from __future__ import annotations

import json

import pytest

from edgefake.errors import InputError
from edgefake.faces import Box
from edgefake.frigate.objects import read_message, read_rows
from tests.edgefake.frigate.fake_frigate import message, row


def test_a_message() -> None:
    seen = read_message(message("1.5-abc", "update", snapshot=7.5, sub_label=["Bob", 0.9]))
    assert (seen.id, seen.camera, seen.label, seen.ended) == ("1.5-abc", "front_door", "person", False)
    assert (seen.snapshot_time, seen.box, seen.is_relative, seen.sub_label) == (7.5, Box(0, 0, 200, 240), False, "Bob")
    assert seen.has_snapshot and seen.has_clip
    assert read_message(message("a", "end")).ended and not read_message(message("a", "new", snapshot=None)).has_snapshot


def test_an_older_one() -> None:
    """Before 0.14 the time of the snapshot stood beside it, and sub labels were texts."""
    values = json.loads(message("a", snapshot=None, snapshot_time=8.0, sub_label="Bob"))
    del values["after"]["snapshot"]
    seen = read_message(json.dumps(values).encode())
    assert (seen.snapshot_time, seen.box, seen.has_snapshot, seen.sub_label) == (8.0, None, True, "Bob")


def test_a_row() -> None:
    seen, running = read_rows(json.dumps([row("a"), row("b", end_time=None, data={})]).encode())
    assert (seen.ended, running.ended) == (True, False)
    assert (seen.box, seen.is_relative, running.box) == (Box(0.0, 0.0, 0.7, 1.0), True, None)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"message": "no"}', b"[3]", b'[{"id": "a"}]', b"<html>"])
def test_what_is_no_answer_of_frigate(body: bytes) -> None:
    if body == b"{}":
        assert read_rows(body) == []
        return
    with pytest.raises(InputError, match="list of"):
        read_rows(body)


def test_a_message_that_is_too_large() -> None:
    with pytest.raises(InputError, match="at most 1 MB"):
        read_message(b" " * (1 << 21))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999", "1" + "0" * 400, '"soon"'])
def test_numbers_that_are_none(number: str) -> None:
    text = message("a", "new", start_time="HERE").decode().replace('"HERE"', number)
    with pytest.raises(InputError, match="of Frigate"):
        read_message(text.encode())

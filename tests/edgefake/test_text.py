"""Foreign text: nothing of it is obeyed by a terminal, and names that are not UTF-8 can be had back."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefake.text import p_text, portable_path, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größer 顔 – 2 files.jpg", "größer 顔 – 2 files.jpg"),
        ("a\x1b[2J\x07b", r"a\x1b[2J\x07b"),
        ("two\nlines\r", r"two\x0alines\x0d"),
        ("gpj.\u202efake", r"gpj.\u202efake"),  # would be shown as ekaf.jpg
        ("next\x85line\u2028", r"next\x85line\u2028"),
        (os.fsdecode(b"bild\xe9.jpg"), r"bild\xe9.jpg"),
        (Path("a.jpg"), "a.jpg"),
    ],
)
def test_printable(text: object, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(), max_size=50))
def test_whatever_comes_fits_on_one_line_and_into_any_encoding_of_unicode(text: str) -> None:
    shown = printable(text, limit=None)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert printable(shown, limit=None) == shown


def test_long_text_keeps_its_ends() -> None:
    shown = printable("start" + "x" * 5000 + "end.jpg")
    assert len(shown) <= 300
    assert shown.startswith("startx") and shown.endswith("xend.jpg") and "…" in shown


@given(st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name and b"/" not in name and name.strip(b".")))
def test_any_file_name_can_be_had_back_from_json(name: bytes) -> None:
    path = "/folder/" + os.fsdecode(name)
    kept = portable_path(path)
    kept.encode()
    raw = unquote_to_bytes(urlsplit(kept).path) if kept.startswith("file:///") else kept.encode()
    assert raw == os.fsencode(path)


@pytest.mark.parametrize(
    ("p", "text"), [(None, "-"), (0.0, "0.000"), (1.0, "1.000"), (0.0416, "0.042"), (0.0005, "0.001"), (4e-6, "4e-06")]
)
def test_a_probability_that_is_not_0_does_not_look_so(p: float | None, text: str) -> None:
    assert p_text(p) == text

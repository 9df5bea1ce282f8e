"""Parts that follow from hashes, and what runs have seen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edgefake.errors import InputError
from training.digests import Key, digests, keep_seen, parts_of, read_seen

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
KEYS: list[Key] = [(f"{i}", frozenset({i % 2})) for i in range(2000)]


def test_parts_have_their_shares_and_depend_on_nothing_else() -> None:
    parts = parts_of(KEYS, SHARES, seed=1)
    counts = Counter(parts.values())
    assert 1550 < counts["train"] < 1650 and 160 < counts["val"] < 240 and 160 < counts["test"] < 240
    fewer = parts_of(KEYS[::3], SHARES, seed=1)
    assert fewer == {name: parts[name] for name in fewer}
    assert parts_of(KEYS, SHARES, seed=2) != parts


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [3, 4, 5, 9])
def test_a_few_keys_of_a_class_are_in_every_part(count: int, seed: int) -> None:
    keys: list[Key] = [
        *((f"real {i}", frozenset({0})) for i in range(40)),
        *((f"fake {i}", frozenset({1})) for i in range(count)),
    ]
    parts = parts_of(keys, SHARES, seed)
    assert {(part, name[:4]) for name, part in parts.items()} == {(part, label) for part in SHARES for label in ("real", "fake")}


def test_pairs_count_for_both_of_their_classes() -> None:
    keys: list[Key] = [(f"{i}", frozenset({0, 1})) for i in range(3)]
    assert sorted(parts_of(keys, SHARES, 0).values()) == sorted(SHARES)


def test_equal_bytes_have_equal_digests(tmp_path: Path) -> None:
    for name, data in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(data)
    found = digests([tmp_path / "a", tmp_path / "b", tmp_path / "c", tmp_path / "gone"])
    assert found[tmp_path / "a"] == found[tmp_path / "b"] != found[tmp_path / "c"]
    assert len(set(found.values())) == 3


def test_what_was_seen_adds_up(tmp_path: Path) -> None:
    assert read_seen(tmp_path) is None
    keep_seen(tmp_path, ["ab" * 16])
    keep_seen(tmp_path, ["cd" * 16, "ab" * 16])
    assert read_seen(tmp_path) == {"ab" * 16, "cd" * 16}
    for damage in (b"\xff\xfe", b"abc\n", b"\0" * 64):
        (tmp_path / "seen.txt").write_bytes(damage)
        with pytest.raises(InputError, match=r"seen\.txt .*damaged.* 32 "):
            read_seen(tmp_path)

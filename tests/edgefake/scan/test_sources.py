from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tracemalloc
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edgefake.scan import sources
from edgefake.scan.reading import Work, local_path, read, read_whole
from edgefake.scan.sources import Unreadable, counted, listed
from tests.edgefake.cli.pictures import draw


def found(*sources: Path | str) -> list[str]:
    return [str(one.path) for source in sources for one in listed(str(source), skipped=Counter())]


def test_folders_and_patterns(tmp_path: Path) -> None:
    for name in ("b.png", "sub/a.JPG", "sub/deep/c.mp4", "[x].png", ".hidden/d.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    everything = {str(tmp_path / name) for name in ("b.png", "sub/a.JPG", "sub/deep/c.mp4", "[x].png")}
    skipped: Counter[str] = Counter()
    assert {one.path for one in listed(str(tmp_path), skipped=skipped)} == everything
    assert skipped == {".txt": 1}
    assert set(found(tmp_path / "*")) == everything
    assert set(found(tmp_path / "**" / "*.png")) == {str(tmp_path / "b.png"), str(tmp_path / "[x].png")}
    assert found(tmp_path / "[x].png") == [str(tmp_path / "[x].png")]
    assert found(tmp_path / "absent.jpg") == [str(tmp_path / "absent.jpg")]
    assert counted([str(tmp_path)]) == 4


def test_links_that_lead_back_and_nowhere(tmp_path: Path) -> None:
    draw(tmp_path / "a" / "x.png")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "a" / "self.png").symlink_to("self.png")
    (tmp_path / "a" / "gone.png").symlink_to("absent")
    (tmp_path / "a" / "y.png").symlink_to("x.png")
    assert sorted(Path(path).name for path in found(tmp_path)) == ["gone.png", "self.png", "x.png", "y.png"]


def test_links_that_lead_back_end_no_pattern(tmp_path: Path) -> None:
    """Two of them in one folder have more paths than can ever be listed."""
    for name in ("x.png", "a/b/y.png"):
        draw(tmp_path / name)
    for name in ("one", "two"):
        (tmp_path / name).symlink_to(tmp_path, target_is_directory=True)
    for pattern in ("**/*.png", "**", "**/b/**/*.png", "*/**/y.png"):
        listed_once = [path for path in found(tmp_path / pattern) if "/one/" not in path and "/two/" not in path]
        assert len(set(listed_once)) == len(listed_once) <= 2, pattern
        assert str(tmp_path / "a" / "b" / "y.png") in listed_once, pattern
        assert len(found(tmp_path / pattern)) <= 6, pattern


def test_a_folder_deeper_than_python_recurses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        for _ in range(1100):
            os.mkdir("d")
            os.chdir("d")
        draw(Path("x.png"))
        os.chdir(tmp_path)
        assert len(found(tmp_path)) == 1
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # which pytest's own way cannot


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    draw(tmp_path / "a" / "x.png")
    draw(tmp_path / "b" / "y.png")
    (tmp_path / "a").chmod(0)
    closed, other = listed(str(tmp_path), skipped=Counter())
    (tmp_path / "a").chmod(0o700)
    assert isinstance(closed, Unreadable) and closed.path == str(tmp_path / "a")
    assert isinstance(other, Work)


def test_a_source_that_cannot_be_listed_is_told(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("label,place\n1,a.jpg\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "broken.tar").write_bytes(b"no tar at all")
    facts = {"*.webp": "webp", "table.csv": "label, place", "broken.parquet": "broken.parquet", "broken.tar": "broken.tar"}
    for source, fact in facts.items():
        (one,) = listed(str(tmp_path / source), skipped=Counter())
        assert isinstance(one, Unreadable) and fact in one.error
    (one,) = listed("s4://bucket/a", skipped=Counter())
    assert isinstance(one, Unreadable) and "s4" in one.error
    (one,) = listed("s3://me:secret@bucket/a", skipped=Counter())
    assert isinstance(one, Unreadable) and "secret" not in one.error


def test_lists_and_tables(tmp_path: Path) -> None:
    names = ["a.jpg", "sub/b c.mp4", str(tmp_path / "d.png"), "s3://bucket/e.jpg"]
    expected = [str(tmp_path / "a.jpg"), str(tmp_path / "sub" / "b c.mp4"), str(tmp_path / "d.png"), "s3://bucket/e.jpg"]
    (tmp_path / "list.txt").write_text("\n".join([*names, "", ""]))
    (tmp_path / "table.csv").write_text("label,path\n" + "".join(f"1,{name}\n" for name in names))
    pq.write_table(pa.table({"url": names, "label": [1, 2, 3, 4]}), tmp_path / "table.parquet")
    pq.write_table(pa.table({"anything": names}), tmp_path / "one.parquet")
    for source in ("list.txt", "table.csv", "table.parquet", "one.parquet"):
        assert found(tmp_path / source) == expected, source


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff.png"
    draw(tmp_path / "a.png").rename(os.fsdecode(raw))
    (path,) = found(tmp_path)
    assert path.isascii() and path.startswith("file:///")
    assert os.fsencode(local_path(path)) == raw
    (tmp_path / "list.txt").write_bytes(b"\xff.png\n" + path.encode())
    assert found(tmp_path / "list.txt") == [path, path]
    assert read(Work(path)).file.size == os.stat(raw).st_size


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_the_files_of_a_shard_where_they_lie(tmp_path: Path, suffix: str) -> None:
    pictures = [draw(tmp_path / f"{n}.png", seed=n) for n in range(3)]
    shard = tmp_path / f"shard{suffix}"
    with tarfile.open(shard, "w:gz" if suffix.endswith("gz") else "w") as tar:
        for picture in pictures:
            tar.add(picture, f"key/{picture.name}")
            label = tarfile.TarInfo(f"key/{picture.stem}.cls")
            label.size = 1
            tar.addfile(label, io.BytesIO(b"1"))
    skipped: Counter[str] = Counter()
    works = list(listed(str(shard), skipped=skipped))
    assert [work.path for work in works] == [f"{shard}::key/{n}.png" for n in range(3)]
    assert skipped == {".cls": 3}
    for work, picture in zip(works, pictures, strict=True):
        assert isinstance(work, Work)
        assert read_whole(work) == read(work).data == picture.read_bytes()
    if suffix == ".tar":
        whole = shard.read_bytes()
        shard.write_bytes(whole[: len(whole) // 2 - len(whole) // 2 % 512 + 7])
        assert isinstance(list(listed(str(shard), skipped=Counter()))[-1], Unreadable)


@pytest.mark.parametrize("values", [[1, 2], [b"a.jpg"]])
def test_a_column_that_is_no_text_is_told(tmp_path: Path, values: list[object]) -> None:
    pq.write_table(pa.table({"path": values}), tmp_path / "t.parquet")
    (one,) = listed(str(tmp_path / "t.parquet"), skipped=Counter())
    assert isinstance(one, Unreadable) and type(values[0]).__name__ in one.error


def test_a_list_with_a_mark_of_its_encoding_and_one_with_a_password(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa.jpg\nhttp://me:secret@host/b.jpg\n")
    first, second = listed(str(tmp_path / "list.txt"), skipped=Counter())
    assert first.path == str(tmp_path / "a.jpg")
    assert isinstance(second, Unreadable) and "secret" not in second.path + second.error


def shard(path: Path, *sizes: int, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for number, size in enumerate(sizes):
            member = tarfile.TarInfo(f"{number}.png")
            member.size = size
            tar.addfile(member, io.BytesIO(bytes([255]) * size))
    return path


def test_a_damaged_header_in_the_middle_of_a_shard_is_told(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", 512, 512, 512, 512)
    assert [type(one) for one in listed(str(path), skipped=Counter())] == [Work] * 4
    data = bytearray(path.read_bytes())
    data[2 * 1024 + 10] ^= 0xFF
    path.write_bytes(data)
    assert [type(one) for one in listed(str(path), skipped=Counter())] == [Work, Work, Unreadable]


def test_a_shard_whose_name_is_no_text(tmp_path: Path) -> None:
    raw = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.tar")
    shard(tmp_path / "s.tar", 512).rename(raw)
    (one,) = listed(raw, skipped=Counter())
    assert isinstance(one, Work) and one.path is not None and one.path.isascii()
    assert read_whole(one) == bytes([255]) * 512


def test_what_unpacks_to_too_much_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HELD", 1000)
    large, small = listed(str(shard(tmp_path / "s.tar.gz", 1001, 9, mode="w:gz")), skipped=Counter())
    assert isinstance(large, Unreadable) and "unpack" in large.error
    assert isinstance(small, Work) and small.data == bytes([255]) * 9


def test_a_long_list_needs_no_memory(tmp_path: Path) -> None:
    with open(tmp_path / "list.txt", "w") as file:
        file.writelines(f"/archive/of/photos/{number:09}.jpg\n" for number in range(100_000))
    tracemalloc.start()
    assert sum(1 for _ in listed(str(tmp_path / "list.txt"), skipped=Counter())) == 100_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000

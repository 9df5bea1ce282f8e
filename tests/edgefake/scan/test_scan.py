from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pyarrow.parquet as pq
import pytest

from edgefake import InputError, read_image
from edgefake.scan import Limits, Settings, scan
from edgefake.scan.parts import Parts
from edgefake.scan.rows import FINGERPRINT
from tests.edgefake.cli.pictures import ROOT, draw
from tests.edgefake.scan.archive import SETTINGS, archive, film, rows, scanned, table


def test_a_row_for_each_file_with_its_faces(tmp_path: Path) -> None:
    archive(tmp_path / "in", 5)
    (tmp_path / "in" / "bad.jpg").write_bytes(b"none")
    (tmp_path / "in" / "notes.txt").write_text("not looked at")
    done = scanned(tmp_path / "out", tmp_path / "in")
    found = rows(tmp_path / "out")
    assert sorted(found) == ["000.png", "001.png", "002.png", "003.png", "004.png", "bad.jpg"]
    assert (done.judged, done.failed, done.there, dict(done.skipped)) == (6, 1, 0, {".txt": 1})
    assert found["bad.jpg"]["status"] == "error"
    assert found["003.png"]["faces"][0]["p_fake"] == found["003.png"]["p_fake"]
    assert {row["fingerprint"] for row in found.values()} == {done.fingerprint.id}
    assert found["000.png"]["path"] == str(tmp_path / "in" / "000.png")


def test_what_has_a_row_is_not_judged_again(tmp_path: Path) -> None:
    archive(tmp_path / "in", 4)
    assert scanned(tmp_path / "out", tmp_path / "in").judged == 4
    archive(tmp_path / "in", 6)
    again = scanned(tmp_path / "out", tmp_path / "in", tmp_path / "in" / "005.png", f"{tmp_path}/in/*.png")
    assert (again.judged, len(rows(tmp_path / "out"))) == (2, 6)
    assert scanned(tmp_path / "out", tmp_path / "in").judged == 0


def test_files_with_the_same_bytes_are_judged_once(tmp_path: Path) -> None:
    pictures = archive(tmp_path / "in", 3)
    for number in range(30):
        shutil.copyfile(pictures[number % 3], tmp_path / "in" / f"copy{number:02}.png")
    bad = tmp_path / "in" / "bad.jpg"
    bad.write_bytes(b"no picture")
    shutil.copyfile(bad, tmp_path / "in" / "bad2.jpg")
    done = scanned(tmp_path / "out", tmp_path / "in")
    assert (done.judged, done.shared) == (35, 31)
    found = rows(tmp_path / "out")
    for name, row in found.items():
        if name.startswith("copy"):
            first = found[f"{int(name[4:6]) % 3:03}.png"]
            assert {**row, "path": first["path"]} == first
    assert found["bad2.jpg"]["status"] == found["bad.jpg"]["status"] == "error"
    shutil.copyfile(pictures[0], tmp_path / "in" / "later.png")
    later = scanned(tmp_path / "out", tmp_path / "in")
    assert (later.judged, later.shared) == (1, 1)
    assert rows(tmp_path / "out")["later.png"]["p_fake"] == found["000.png"]["p_fake"]


def test_pictures_that_look_alike_share_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    picture = cv2.resize(read_image(draw(tmp_path / "a.png")), (300, 360), interpolation=cv2.INTER_CUBIC)
    assert cv2.imwrite(str(tmp_path / "in" / "a.png"), picture)
    assert cv2.imwrite(str(tmp_path / "in" / "a.jpg"), cv2.resize(picture, (200, 240), interpolation=cv2.INTER_AREA))
    draw(tmp_path / "in" / "b.png", seed=1)
    assert scanned(tmp_path / "each", tmp_path / "in").shared == 0
    alike = Settings(model="cnn_int8", faces="frame", near_duplicates=True)
    done = scanned(tmp_path / "alike", tmp_path / "in", settings=alike)
    assert (done.judged, done.shared) == (3, 1)
    found = rows(tmp_path / "alike")
    pair = [found["a.png"], found["a.jpg"]]
    assert pair[0]["p_fake"] == pair[1]["p_fake"]
    (judged,) = (row for row in pair if row["looks_like"] is None)
    (other,) = (row for row in pair if row["looks_like"] is not None)
    assert other["looks_like"] == judged["sha256"]


def test_failed_files_are_judged_again_when_asked(tmp_path: Path) -> None:
    archive(tmp_path / "in", 3)
    (tmp_path / "in" / "bad.png").write_bytes(b"not yet")
    (tmp_path / "other.png").write_bytes(b"not yet either")
    scanned(tmp_path / "out", tmp_path / "in", tmp_path / "other.png")
    draw(tmp_path / "in" / "bad.png", seed=9)
    assert scanned(tmp_path / "out", tmp_path / "in").judged == 0
    again = scanned(tmp_path / "out", tmp_path / "in", retry_failed=True)
    assert (again.judged, again.failed) == (1, 0)
    found = rows(tmp_path / "out")  # one row for each
    assert found["bad.png"]["status"] == "ok"
    assert found["other.png"]["status"] == "error"


def test_a_kill_before_old_rows_are_gone_leaves_no_row_twice(tmp_path: Path) -> None:
    """As if it had come just after the new part was written."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"not yet")
    scanned(tmp_path / "out", tmp_path / "in")
    old = (tmp_path / "out" / "part-000001.parquet").read_bytes()
    draw(tmp_path / "in" / "a.png")
    scanned(tmp_path / "out", tmp_path / "in", retry_failed=True)
    (tmp_path / "out" / "part-000001.parquet").write_bytes(old)
    assert scanned(tmp_path / "out", tmp_path / "in").judged == 0
    assert rows(tmp_path / "out")["a.png"]["status"] == "ok"


def test_a_source_that_is_listed_at_last_loses_the_row_of_its_failure(tmp_path: Path) -> None:
    archive(tmp_path / "in", 2)
    sources = tmp_path / "in", tmp_path / "list.txt", tmp_path / "shard.tar"
    scanned(tmp_path / "out", *sources)
    assert {name for name, row in rows(tmp_path / "out").items() if row["status"] == "error"} == {"list.txt", "shard.tar"}
    draw(tmp_path / "new.png", seed=7)
    (tmp_path / "list.txt").write_text("new.png\n")
    scanned(tmp_path / "out", tmp_path / "in", retry_failed=True)  # the others are not asked for
    assert {"list.txt", "shard.tar"} < set(rows(tmp_path / "out"))
    scanned(tmp_path / "out", *sources, retry_failed=True)
    found = rows(tmp_path / "out")
    assert "list.txt" not in found and found["new.png"]["status"] == "ok"
    assert found["shard.tar"]["status"] == "error"  # still not there


def test_a_file_that_failed_twice_has_one_row_whatever_is_retried_next(tmp_path: Path) -> None:
    """As if the second scan had been killed just after its part was written."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"not yet")
    scanned(tmp_path / "out", tmp_path / "in")
    old = (tmp_path / "out" / "part-000001.parquet").read_bytes()
    scanned(tmp_path / "out", tmp_path / "in", retry_failed=True)
    (tmp_path / "out" / "part-000001.parquet").write_bytes(old)
    archive(tmp_path / "other", 1)
    scanned(tmp_path / "out", tmp_path / "other", retry_failed=True)
    assert len(rows(tmp_path / "out")) == 2


def test_a_source_that_disappears_in_the_middle_costs_its_own_files(tmp_path: Path) -> None:
    pictures = archive(tmp_path / "in", 120)
    (tmp_path / "list.txt").write_text("\n".join(map(str, pictures)))

    def vanish(progress: object) -> None:
        shutil.rmtree(tmp_path / "in", ignore_errors=True)

    scanned(tmp_path / "out", tmp_path / "list.txt", workers=1, progress=vanish)
    found = rows(tmp_path / "out")
    assert set(found) == {path.name for path in pictures}
    lost = [row for row in found.values() if row["status"] == "error"]
    assert 0 < len(lost) < len(pictures) and all(row["path"] in row["error"] for row in lost)
    assert scanned(tmp_path / "out", tmp_path / "in").judged == 1  # the folder itself, which cannot be listed


def test_results_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    archive(tmp_path / "in", 2)
    scanned(tmp_path / "out", tmp_path / "in")
    before = table(tmp_path / "out")
    with pytest.raises(InputError, match=r"fake 0\.25, there"):
        scanned(tmp_path / "out", tmp_path / "in", settings=Settings(model="cnn_int8", faces="frame", threshold=0.25))
    assert table(tmp_path / "out").equals(before)
    part = tmp_path / "out" / "part-000001.parquet"
    newer = pq.read_table(part)
    text = newer.schema.metadata[FINGERPRINT].decode().replace('"schema": 1', '"schema": 2')
    pq.write_table(newer.replace_schema_metadata({FINGERPRINT: text}), part)
    with pytest.raises(InputError, match="schema 1, got 2"):
        scanned(tmp_path / "out", tmp_path / "in")
    pq.write_table(newer.replace_schema_metadata(None), part)
    with pytest.raises(InputError, match=r"part-000001\.parquet"):
        scanned(tmp_path / "out", tmp_path / "in")
    part.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"part-000001\.parquet"):
        scanned(tmp_path / "out", tmp_path / "in")


def test_two_scans_never_write_into_one_folder(tmp_path: Path) -> None:
    archive(tmp_path / "in", 1)
    held = Parts(tmp_path / "out")
    held.lock()
    with pytest.raises(InputError, match="out"):
        scanned(tmp_path / "out", tmp_path / "in")
    held.close()
    assert scanned(tmp_path / "out", tmp_path / "in").judged == 1


def test_parts_are_as_large_as_asked(tmp_path: Path) -> None:
    archive(tmp_path / "in", 7)
    scanned(tmp_path / "out", tmp_path / "in", part_files=3, workers=1)
    assert [len(pq.read_table(part)) for part in sorted((tmp_path / "out").glob("part-*"))] == [3, 3, 1]


def test_a_long_video_is_judged_by_several_workers(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = film(tmp_path / "in" / "film.avi", seconds=70)
    archive(tmp_path / "in", 3)
    done = scanned(tmp_path / "out", tmp_path / "in")
    row = rows(tmp_path / "out")["film.avi"]
    assert (done.judged, row["frames"], row["coverage"], row["status"]) == (4, 70, 1.0, "ok")
    assert row["size"] == path.stat().st_size
    assert row["faces"]
    shutil.copyfile(path, tmp_path / "in" / "again.avi")
    assert scanned(tmp_path / "out", tmp_path / "in").shared == 1
    again = rows(tmp_path / "out")["again.avi"]
    assert {**again, "path": row["path"]} == row


def test_a_full_disk_loses_no_row_and_makes_none_twice(tmp_path: Path) -> None:
    """A limit on the size of files fails a write as a full disk does."""
    archive(tmp_path / "in", 4)
    code = "import sys; from edgefake.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "scan", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    command += ["--model", "cnn_int8", "--faces", "frame"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    limited = ["bash", "-c", 'ulimit -f 1; exec "$@"', "-", *command]
    full = subprocess.run(limited, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (full.returncode, "part-000001.parquet" in full.stderr, "Traceback" in full.stderr) == (2, True, False), full.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
    done = scanned(tmp_path / "out", tmp_path / "in")
    assert (done.judged, len(rows(tmp_path / "out"))) == (4, 4)


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="spark"):
        scan([str(tmp_path)], tmp_path / "out", SETTINGS, engine="spark")
    with pytest.raises(InputError, match="workers"):
        scan([str(tmp_path)], tmp_path / "out", SETTINGS, workers=0)
    with pytest.raises(InputError, match="auto"):
        scan([str(tmp_path)], tmp_path / "out", SETTINGS, address="auto")
    for wrong in ({"seconds": 0}, {"megabytes": 0}, {"nice": 20}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Limits(**wrong)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file"):
        scanned(tmp_path / "file" / "out", tmp_path)

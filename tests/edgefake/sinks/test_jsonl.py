"""JSON lines in files, in full and broken ones, and on stdout."""

from __future__ import annotations

import errno
import json
import os
import select
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from edgefake.errors import InputError, SinkError
from edgefake.sinks import jsonl
from edgefake.sinks.jsonl import JsonLinesSink
from edgefake.sinks.queue import QueuedSink
from edgefake.streaming.health import Health
from edgefake.testing import check_sink
from tests.edgefake.streaming.results import STREAM, opened, result, track
from tests.processes import started

FRAME = np.zeros((2, 2, 3), np.uint8)


def test_one_line_per_result_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.jsonl"
    sink = opened(JsonLinesSink(path))
    for index in range(3):
        sink.send(FRAME, result(index, track()))
        lines = path.read_text().splitlines()
        assert len(lines) == index + 1
        assert json.loads(lines[-1]) == result(index, track()).to_dict()
    sink.close()


def test_a_second_run_appends(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    for index in range(2):
        sink = opened(JsonLinesSink(path))
        sink.send(FRAME, result(index))
        sink.close()
    assert [json.loads(line)["index"] for line in path.read_text().splitlines()] == [0, 1]


def test_a_line_that_a_crash_cut_off_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"schema": 1, "ind')
    sink = opened(JsonLinesSink(path))
    sink.send(FRAME, result(0))
    sink.send(FRAME, result(1))
    sink.close()
    torn, *whole = path.read_text().splitlines()
    assert torn == '{"schema": 1, "ind'
    assert [json.loads(line)["index"] for line in whole] == [0, 1]


def test_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    sink = opened(JsonLinesSink("-"))
    sink.send(FRAME, result(4, track(p_fake=None)))
    sink.close()
    assert json.loads(capsys.readouterr().out) == result(4, track(p_fake=None)).to_dict()
    print("still open")


@pytest.mark.parametrize("name", ["-", "results.jsonl"])
def test_results_that_come_before_the_stream_or_after_it_are_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sink, told = JsonLinesSink(name), r"open\(\) .*stdout" if name == "-" else rf"open\(\) .*{name}"
    with pytest.raises(SinkError, match=told):
        sink.send(FRAME, result(0))
    opened(sink).close()
    with pytest.raises(SinkError, match=told):
        sink.send(FRAME, result(1))
    assert capsys.readouterr().out == ""


def test_a_reader_sees_each_line_at_once() -> None:
    program = (
        "import sys\n"
        "from edgefake.sinks.jsonl import JsonLinesSink\n"
        "from tests.edgefake.streaming.results import STREAM, opened, result\n"
        "opened(JsonLinesSink('-')).send(None, result(3))\n"
        "sys.stdin.read()\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with started([sys.executable, "-c", program], env=environment, **pipes) as process:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], 60)  # and the process waits for us
        assert ready and json.loads(process.stdout.readline())["index"] == 3


def test_a_reader_that_goes_away_is_told() -> None:
    program = (
        "import numpy as np\n"
        "from edgefake.streaming.health import Health\n"
        "from edgefake.sinks.queue import QueuedSink\n"
        "from edgefake.sinks.jsonl import JsonLinesSink\n"
        "from tests.edgefake.streaming.results import STREAM, opened, result\n"
        "queued = QueuedSink(JsonLinesSink('-'), STREAM, Health(), when_full='wait')\n"
        "for index in range(3000): queued.send(None, result(index))\n"
        "report = queued.close(60)\n"
        "raise SystemExit(0 if isinstance(report.error, BrokenPipeError) and report.delivered + report.lost == 3000 else 1)\n"
    )
    reader, writer = os.pipe()
    with started([sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        os.read(reader, 100)
        os.close(reader)
        errors = process.communicate(timeout=60)[1].decode()
    assert "sink jsonl: [Errno 32] Broken pipe" in errors
    assert errors.count("sink jsonl") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told_and_counted() -> None:
    health = Health()
    queued = QueuedSink(JsonLinesSink("/dev/full"), STREAM, health)
    for index in range(5):
        queued.send(FRAME, result(index))
    report = queued.close(60)
    assert (report.delivered, report.lost) == (0, 5)
    assert str(report.error) == "/dev/full cannot be written (No space left on device): make room"
    assert health.report().lost == {"jsonl": 5}


def test_when_there_is_room_again_lines_are_whole(tmp_path: Path) -> None:
    """The file may grow to 1000 bytes, which cuts a line in two, and then without limit: what was cut is taken back."""
    path = tmp_path / "results.jsonl"
    program = (
        "import resource, sys\n"
        "from edgefake.errors import SinkError\n"
        "from edgefake.sinks.jsonl import JsonLinesSink\n"
        "from tests.edgefake.streaming.results import STREAM, opened, result\n"
        "sink = opened(JsonLinesSink(sys.argv[1]))\n"
        "lost = 0\n"
        "for index in range(10):\n"
        "    limit = 1000 if index < 6 else resource.RLIM_INFINITY\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "    try: sink.send(None, result(index))\n"
        "    except SinkError as error:\n"
        "        lost += 1\n"
        "        print(error, file=sys.stderr)\n"
        "raise SystemExit(lost)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60)
    whole = []
    torn = 0
    for line in path.read_text().splitlines():
        try:
            whole.append(json.loads(line)["index"])
        except json.JSONDecodeError:
            torn += 1
    assert torn == 0
    assert whole == [*range(10 - 4 - done.returncode), 6, 7, 8, 9] and done.returncode > 0
    assert "No space left on device): make room" in done.stderr and "Traceback" not in done.stderr


def test_only_its_owner_may_read_a_new_file(tmp_path: Path) -> None:
    opened(JsonLinesSink(tmp_path / "new.jsonl")).close()
    assert (tmp_path / "new.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_moved_away_is_followed_by_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    sink = opened(JsonLinesSink(path))
    sink.send(FRAME, result(0))
    path.rename(tmp_path / "results.jsonl.1")
    sink.send(FRAME, result(1))
    sink.close()
    assert [json.loads(file.read_text())["index"] for file in (tmp_path / "results.jsonl.1", path)] == [0, 1]


def test_lines_for_a_deleted_folder_are_lost_and_told_until_it_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "out" / "results.jsonl"
    queued = QueuedSink(JsonLinesSink(path), STREAM, Health())
    queued.send(FRAME, result(0))
    while queued.report().delivered < 1:
        time.sleep(0.001)
    shutil.rmtree(path.parent)
    queued.send(FRAME, result(1))
    while queued.report().lost < 1:
        time.sleep(0.001)
    path.parent.mkdir()
    queued.send(FRAME, result(2))
    report = queued.close(60)
    assert (report.delivered, report.lost) == (2, 1)
    assert str(report.error) == f"{path} cannot be written (No such file or directory): make its folder again"
    assert json.loads(path.read_text())["index"] == 2


@pytest.mark.parametrize("path", ["", "a/b.jsonl"])
def test_a_file_that_cannot_be_opened(path: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file where the folder should be")
    with pytest.raises(SinkError, match=r"written .*another file"):
        opened(JsonLinesSink(tmp_path / path))


def test_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    check_sink(JsonLinesSink(path), arrived=lambda: len(path.read_text().splitlines()))


def sizes(path: Path) -> list[list[int]]:
    """The indices in each file, the oldest first."""
    files = [*sorted(path.parent.glob("results-*.jsonl")), path]
    return [[json.loads(line)["index"] for line in file.read_text().splitlines()] for file in files if file.exists()]


def test_a_file_that_has_grown_is_put_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    length = len(json.dumps(result(0).to_dict())) + 1
    sink = opened(JsonLinesSink(path, rotate_mb=3.5 * length / 1e6))
    for index in range(8):
        sink.send(None, result(index))
    sink.close()
    assert sizes(path) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    sink = opened(JsonLinesSink(path, rotate_mb=3.5 * length / 1e6, keep_mb=3.5 * length / 1e6))
    for index in range(8, 11):
        sink.send(None, result(index))
    sink.close()
    assert sizes(path) == [[6, 7, 8], [9, 10]]


def test_each_day_has_a_file_of_its_own_whatever_run_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.jsonl"
    days = iter([0, 0, 1, 1, 3])

    class Today(date):
        offset = 0

        @classmethod
        def today(cls) -> date:
            return date.fromordinal(date.today().toordinal() + cls.offset)

    monkeypatch.setattr(jsonl, "date", Today)
    for runs in (2, 1, 2):
        sink = opened(JsonLinesSink(path, rotate_daily=True))
        for _ in range(runs):
            Today.offset = next(days)
            sink.send(None, result(Today.offset))
            stamp = time.time() + Today.offset * 86400
            os.utime(path, (stamp, stamp))
        sink.close()
    assert sizes(path) == [[0, 0], [1, 1], [3]]


def test_a_full_disk_takes_the_oldest_file_and_no_line(tmp_path: Path) -> None:
    """Each file may have 1000 bytes, and all of them three such."""
    path = tmp_path / "results.jsonl"
    length = len(json.dumps(result(10).to_dict())) + 1
    sink = opened(JsonLinesSink(path, rotate_mb=2.5 * length / 1e6))
    assert sink._file is not None
    full = [False]

    def append(data: bytes) -> None:
        if full[0] and len(sizes(path)) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append_to_disk(data)

    append_to_disk = sink._file._append  # type: ignore[union-attr]
    sink._file._append = append  # type: ignore[union-attr, method-assign]
    for index in range(10, 20):
        full[0] = index > 14
        sink.send(None, result(index))
    sink.close()
    assert sizes(path) == [[16, 17], [18, 19]]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rotate_mb": 0.0}, "rotate_mb above 0"),
        ({"keep_days": 3.0}, "rotate_mb or rotate_daily with"),
        ({"rotate_daily": True, "keep_mb": -1.0}, "keep_mb above 0"),
    ],
)
def test_rotation_that_means_nothing(options: dict[str, float], told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        JsonLinesSink(tmp_path / "a.jsonl", **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="got stdout"):
        JsonLinesSink("-", rotate_daily=True)

"""Videos: taken, judged, asked for, cancelled, forgotten; and what a restart leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from edgefake import InputError
from edgefake.cli import main
from edgefake.serve.jobs import JobStore
from edgefake.serve.limits import Limits
from edgefake.serve.options import Options
from tests.edgefake.serve.serving import PATIENCE_S, Held, Serving, serving, until
from tests.edgefake.streaming.videos import moving_face, write_video
from tests.edgefake.test_schema import documented
from tests.processes import started

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "edgefake", "serve", "--model", "cnn_int8", "--workers", "1", "--port", "0"]
RAW = {"Content-Type": "video/mp4"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    return write_video(tmp_path_factory.mktemp("in") / "clip.mp4", moving_face(portrait, 30))


def ended(running: Serving, where: str) -> dict[str, Any]:
    """What became of a job, once that is known."""
    until(lambda: running.get(where).json()["state"] in ("done", "failed"))
    told: dict[str, Any] = running.get(where).json()
    assert {*told} == documented("Job")
    return told


def videos(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("lock", "jobs.sqlite"))


def test_the_result_is_that_of_the_command(served: Serving, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = served.post("/jobs", files={"file": ("clip.mp4", clip.read_bytes())})
    assert answer.status_code == 202 and {*answer.json()} == documented("Job")
    assert answer.json()["state"] == "queued" and answer.headers["Location"] == f"/jobs/{answer.json()['id']}"
    told = ended(served, answer.headers["Location"])
    assert (told["state"], told["name"], told["progress"], told["error"]) == ("done", "clip.mp4", 1.0, None)
    assert told["created"] <= told["started"] <= told["finished"] < told["expires"]
    main(["video", "--model", "cnn_int8", "--threads", "1", "--json", str(clip)])
    assert told["result"] == {**json.loads(capsys.readouterr().out), "path": "clip.mp4"}
    schemas = served.get("/openapi.json").json()["components"]["schemas"]
    assert {*schemas["VideoAnswer"]["properties"]} == documented("Video") - {"error"}
    assert {*schemas["JobAnswer"]["properties"]} == documented("Job")


def test_options_and_a_video_as_it_is(served: Serving, clip: Path) -> None:
    answer = served.post("/jobs", data=clip.read_bytes(), headers=RAW, params={"threshold": "0", "prior": "0.1"})
    told = ended(served, answer.headers["Location"])
    assert told["name"] is None and told["result"]["verdict"] == "fake" and told["result"]["prior"] == 0.1


def test_a_video_that_cannot_be_read(served: Serving, jpeg: bytes) -> None:
    """Told of its name, and of no place on the server; a list of other files is none either."""
    playlist = b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n#EXT-X-ENDLIST\n"
    for data in (b"no video", playlist, b"ffconcat version 1.0\nfile /etc/hostname\n"):
        answer = served.post("/jobs", files={"file": ("door.mp4", data)})
        told = ended(served, answer.headers["Location"])
        assert told["state"] == "failed" and told["result"] is None
        assert "door.mp4" in told["error"] and str(served.service.jobs.folder) not in told["error"]
    assert videos(served.service.jobs.folder) == []


@pytest.mark.parametrize(
    ("request_", "status", "fact"),
    [
        ({"data": b"", "headers": RAW}, 422, "0 bytes"),
        ({"data": b"{}", "headers": {"Content-Type": "application/json"}}, 415, "application/json"),
        ({"files": [("file", b"1"), ("file", b"2")]}, 422, "1"),
        ({"files": {"video": b"1"}}, 422, "video"),
        ({"data": b"x", "headers": RAW, "params": {"threshold": "much"}}, 422, "much"),
    ],
)
def test_what_is_no_job(served: Serving, request_: dict[str, Any], status: int, fact: str) -> None:
    answer = served.post("/jobs", **request_)
    assert answer.status_code == status and fact in answer.json()["error"]
    assert videos(served.service.jobs.folder) == []


def test_no_such_job(served: Serving) -> None:
    answer = served.post("/jobs/abc")
    assert answer.status_code == 405 and answer.headers["Allow"] == "DELETE, GET"
    for method in ("GET", "DELETE"):
        answer = served.ask(method, "/jobs/..%2Flock")
        assert answer.status_code == 404 and [*answer.json()] == ["error"]
        assert served.ask(method, "/jobs/abc").status_code == 404


def test_a_bounded_queue_progress_and_cancelling(held: Held, clip: Path, tmp_path: Path) -> None:
    def take() -> requests.Response:
        return running.post("/jobs", data=clip.read_bytes(), headers=RAW)

    with serving(held.detector, limits=Limits(jobs=2), jobs=tmp_path) as running:
        held.hold()
        first = take().headers["Location"]
        assert held.begun.acquire(timeout=PATIENCE_S)
        assert running.get(first).json()["state"] == "running"
        second, third = (take().headers["Location"] for _ in range(2))
        answer = take()
        assert answer.status_code == 429 and "2" in answer.json()["error"] and int(answer.headers["Retry-After"]) > 1
        page = running.get("/metrics").text
        assert 'edgefake_jobs{state="running"} 1.0' in page and 'edgefake_jobs{state="queued"} 2.0' in page
        assert running.ask("DELETE", second).status_code == 204
        assert running.ask("DELETE", first).status_code == 204
        assert [running.get(where).status_code for where in (first, second)] == [404, 404]
        assert len(videos(tmp_path)) == 1
        held.go.set()
        assert ended(running, third)["state"] == "done"
        assert videos(tmp_path) == []
        assert 0 < held.scored < 2 * 30 + 10  # the first was given up at its first frames


def test_frames_that_are_too_large(held: Held, clip: Path) -> None:
    with serving(held.detector, limits=Limits(pixels=1000)) as running:
        before = held.scored
        told = ended(running, running.post("/jobs", files={"file": ("clip.mp4", clip.read_bytes())}).headers["Location"])
        assert told["state"] == "failed" and "0.001 megapixels" in told["error"] and "clip.mp4" in told["error"]
        assert held.scored == before


def test_others_cannot_read_them(held: Held, clip: Path, tmp_path: Path) -> None:
    """Not in a folder that they can open either."""
    tmp_path.chmod(0o755)
    with serving(held.detector, jobs=tmp_path) as running:
        held.hold()
        running.post("/jobs", data=clip.read_bytes(), headers=RAW)
        assert held.begun.acquire(timeout=PATIENCE_S)
        modes = {path.suffix: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
        held.go.set()
        assert modes[".sqlite"] == modes[".video"] == oct(0o600)


def test_results_are_forgotten(held: Held, clip: Path) -> None:
    with serving(held.detector, keep_s=1.0) as running:
        where = running.post("/jobs", data=clip.read_bytes(), headers=RAW).headers["Location"]
        until(lambda: running.get(where).status_code == 404)


def test_an_orderly_end_loses_nothing(held: Held, clip: Path, tmp_path: Path) -> None:
    with serving(held.detector, jobs=tmp_path) as running:
        held.hold()
        first, second = (running.post("/jobs", data=clip.read_bytes(), headers=RAW).headers["Location"] for _ in range(2))
        assert held.begun.acquire(timeout=PATIENCE_S)
        running.server.stop()
        until(lambda: running.service.runner.stopping)
        held.go.set()
    assert len(videos(tmp_path)) == 2
    with serving(Held().detector, jobs=tmp_path) as running:
        assert [ended(running, where)["state"] for where in (first, second)] == ["done", "done"]


def test_a_kill_loses_nothing(clip: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "edgefake",
        "serve",
        "--model",
        "cnn_int8",
        "--workers",
        "1",
        "--port",
        "0",
        "--jobs",
        tmp_path,
    ]

    def asked(process: subprocess.Popen[str], method: str, path: str, **options: Any) -> requests.Response:
        return session.request(method, url_of[process.pid] + path, timeout=PATIENCE_S, **options)

    def ready(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
        url_of[process.pid] = process.stderr.readline().split()[2].rstrip(",")
        assert "ready" in process.stderr.readline()
        return process

    url_of: dict[int, str] = {}
    with requests.Session() as session:
        session.trust_env = False
        with started(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
            ready(process)
            body = clip.read_bytes()
            where = [asked(process, "POST", "/jobs", data=body, headers=RAW).headers["Location"] for _ in range(5)]
            process.kill()
            process.wait()
        (tmp_path / ".partial-of-an-upload").write_bytes(b"half")
        (tmp_path / "unknown.video").write_bytes(b"nobody's")
        with started(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
            ready(process)
            for one in where:
                until(lambda one=one: asked(process, "GET", one).json()["state"] == "done")
        assert videos(tmp_path) == []


def test_a_video_that_ends_the_service_is_given_up(tmp_path: Path, clip: Path) -> None:
    def opened() -> JobStore:
        return JobStore(tmp_path, keep_s=100.0)

    store = opened()
    shutil.copyfile(clip, file := store.new_file())
    id = store.add(file, "clip.mp4", Options()).id
    for attempt in range(2):
        assert (job := store.get(id)) and job.state == "queued", attempt
        assert (job := store.next()) and job.id == id
        store.close()  # it was running when the process died
        store = opened()
    assert store.video(id).exists() and store.next() is None
    assert videos(tmp_path) == []
    assert (job := store.get(id)) and job.state == "failed" and job.error and "2 times" in job.error
    store.close()


def test_a_folder_that_cannot_be_used(served: Serving, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--jobs"):
        JobStore(served.service.jobs.folder, keep_s=1.0)  # another service has it
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file.*--jobs"):
        JobStore(tmp_path / "file", keep_s=1.0)
    (tmp_path / "jobs.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 50)
    with pytest.raises(InputError, match=r"database.*--jobs"):
        JobStore(tmp_path, keep_s=1.0)


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit")
def test_a_full_disk(tmp_path: Path, clip: Path) -> None:
    """Here it is full at 100 kB a file."""
    command = ["prlimit", "--fsize=100000", *COMMAND, "--jobs", tmp_path]
    with (
        started(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process,
        requests.Session() as session,
    ):
        session.trust_env = False
        url = process.stderr.readline().split()[2].rstrip(",")
        assert "ready" in process.stderr.readline()
        for form in ({"data": bytes(200_000), "headers": RAW}, {"files": {"file": bytes(2_000_000)}}):
            answer = session.post(f"{url}/jobs", timeout=PATIENCE_S, **form)
            assert answer.status_code == 507 and [*answer.json()] == ["error"]
        assert videos(tmp_path) == []
        answer = session.post(f"{url}/jobs", timeout=PATIENCE_S, data=bytes(50_000), headers=RAW)
        assert answer.status_code == 202

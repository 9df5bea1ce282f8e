"""S3 and HTTP, of real servers on the loopback address."""

from __future__ import annotations

import http.server
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edgefake.scan import Judge
from tests.edgefake.scan.archive import SETTINGS, archive, film, rows, scanned

moto = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    secrets = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "very-secret", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ENDPOINT_URL": f"http://{host}:{port}", **secrets}.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        system = s3fs.S3FileSystem()
        system.mkdir("archive")
        yield system
    server.stop()


def test_a_bucket(tmp_path: Path, bucket: Any) -> None:
    for picture in archive(tmp_path / "in", 5):
        bucket.put(str(picture), f"archive/2024/{picture.name}")
    bucket.put(str(film(tmp_path / "film.avi")), "archive/2024/sub/film.avi")
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        tar.add(archive(tmp_path / "more", 6)[5], "five.png")
    bucket.put(str(tmp_path / "shard.tar"), "archive/2024/shard.tar")
    (tmp_path / "list.txt").write_text("s3://archive/2024/000.png\ns3://archive/2024/absent.png\n")
    done = scanned(tmp_path / "out", "s3://archive/2024", str(tmp_path / "list.txt"))
    found = rows(tmp_path / "out")
    assert (done.judged, done.failed) == (8, 1)
    assert found["000.png"]["path"] == "s3://archive/2024/000.png"
    assert found["shard.tar::five.png"]["status"] == "ok"
    assert found["film.avi"]["frames"] == 60
    assert "absent.png" in found["absent.png"]["error"]
    (direct,) = Judge(SETTINGS)({"path": [str(tmp_path / "in" / "003.png")]}).to_pylist()
    assert {**direct, "path": found["003.png"]["path"]} == found["003.png"]
    assert scanned(tmp_path / "out", "s3://archive/2024/*.png").judged == 0


def test_a_bucket_that_is_not_there_is_a_row(tmp_path: Path, bucket: Any) -> None:
    done = scanned(tmp_path / "out", "s3://absent/2024")
    assert (done.judged, done.failed) == (1, 1)
    (row,) = rows(tmp_path / "out").values()
    assert row["path"] == "s3://absent/2024" and "secret" not in row["error"]


def test_files_of_a_web_server(tmp_path: Path) -> None:
    archive(tmp_path / "in", 2)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "in"))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        (tmp_path / "list.txt").write_text(f"{address}/000.png\n{address}/absent.png\n")
        try:
            scanned(tmp_path / "out", tmp_path / "list.txt", f"{address}/001.png")
        finally:
            server.shutdown()
            thread.join()
    found = rows(tmp_path / "out")
    assert {name: row["status"] for name, row in found.items()} == {"000.png": "ok", "001.png": "ok", "absent.png": "error"}

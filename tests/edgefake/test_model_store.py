"""Names and paths to files; downloads come from a real HTTP server on loopback."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from edgefake import download
from edgefake.errors import EdgefakeError, ModelNotFoundError, ModelStoreError
from edgefake.model_store import find_model, list_models, read_registry

BODY = bytes(range(256)) * 40
Answer = Callable[[BaseHTTPRequestHandler], None]


def reply(body: bytes = BODY, *, code: int = 200, length: int | str | None = None) -> Answer:
    """An answer with ``body``, announced as ``length`` bytes (default: its true length)."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)

    return answer


class Server:
    """Request number i gets ``answers[i]``, later ones the last answer; ``paths`` are those asked for."""

    def __init__(self, *answers: Answer) -> None:
        self.paths: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.paths.append(self.path)
                answers[min(len(server.paths), len(answers)) - 1](self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/models"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache in ``tmp_path``, no address, no proxy, and hardly a pause between attempts."""
    for name in ("EDGEFAKE_MODEL_URL", "EDGEFAKE_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "PAUSE_S", 0.001)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """Starts a server and makes it the address that models come from."""
    servers: list[Server] = []

    def start(*answers: Answer) -> Server:
        servers.append(Server(*answers))
        monkeypatch.setenv("EDGEFAKE_MODEL_URL", servers[-1].url)
        return servers[-1]

    yield start
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry of two models, of which ``tiny`` is bundled and ``small_int8`` is not."""
    entry = {"sha256": hashlib.sha256(BODY).hexdigest(), "bytes": len(BODY)}
    path = tmp_path / "zoo" / "models.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"tiny": {"file": "tiny.tflite", **entry}, "small_int8": {"file": "small int8.tflite", **entry}}))
    (path.parent / "tiny.tflite").write_bytes(BODY)
    return path


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    """Where ``small_int8`` is cached; nothing is there yet."""
    return tmp_path / "cache" / "small int8.tflite"


def test_a_path_stands_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("own.tflite", "without_suffix"):
        Path(name).write_bytes(b"x")
        assert find_model(name) == Path(name)
        assert find_model(tmp_path / name) == tmp_path / name
        assert find_model(f"./{name}").samefile(name)


@pytest.mark.parametrize(
    "model", ["absent.tflite", "folder/resnet18_int8", Path("resnet18_int8"), "./cnn_int8", "x" * 300 + ".tflite", "a\0.tflite"]
)
def test_a_path_without_a_file(model: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        find_model(model)


def test_an_address_is_no_model_and_told_without_its_secrets() -> None:
    with pytest.raises(ModelNotFoundError, match=r"^the model file https://host/x\.tflite does not exist"):
        find_model("https://me:secret@host/x.tflite")


def test_what_no_file_can_be_called_is_no_model(registry: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"there is no model 'x+…x+'") as failure:
        find_model("x" * 5000, registry=registry)
    assert len(str(failure.value)) < 500


def test_a_pipe_is_no_model(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.tflite")
    with pytest.raises(ModelNotFoundError, match="is no regular file"):
        find_model(tmp_path / "m.tflite")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="is a folder"):
        find_model(tmp_path)


def test_a_bundled_model_needs_no_cache(registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny").mkdir()  # a folder that happens to have the name
    assert find_model("tiny", registry=registry) == registry.parent / "tiny.tflite"
    assert not (tmp_path / "cache").exists()


def test_an_unknown_name_gets_near_matches_and_the_list(registry: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"'smal_int8' \(did you mean small_int8\?\): choose tiny, small_int8"):
        find_model("smal_int8", registry=registry)
    with pytest.raises(ModelNotFoundError, match="no model 'xxxx': choose tiny"):
        find_model("xxxx", registry=registry)
    with pytest.raises(ModelNotFoundError):
        find_model("", registry=registry)


@pytest.mark.parametrize("text", ["", "[]", '{"tiny": 1}', '{"tiny": {"file": "tiny.tflite"}}', "\xff"])
def test_a_damaged_registry(text: str, registry: Path) -> None:
    registry.write_text(text, "latin-1")
    with pytest.raises(ModelStoreError, match="install edgefake again"):
        read_registry(registry)


@pytest.mark.parametrize(
    "change", [{"file": "../tiny.tflite"}, {"file": ".."}, {"file": 3}, {"sha256": "AB" * 32}, {"bytes": -1}, {"bytes": "9"}]
)
def test_an_entry_that_is_no_model_file(change: dict[str, object], registry: Path) -> None:
    entries = json.loads(registry.read_text())
    registry.write_text(json.dumps({"tiny": entries["tiny"] | change}))
    with pytest.raises(ModelStoreError, match="is damaged"):
        read_registry(registry)


def test_damaged_registries_are_refused_in_one_sentence(registry: Path) -> None:
    data = registry.read_bytes()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        mutant = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(mutant)))
            mutant[at : at + int(rng.integers(0, 20))] = rng.choice(
                [b"\xff", b"9" * 5000, b"\0", b"\\ud800", b"[" * 90_000, b"null", b"../"]
            )
        registry.write_bytes(mutant)
        with suppress(EdgefakeError):
            read_registry(registry)
            find_model("tiny", registry=registry)


def test_a_bundled_file_is_checked_whenever_it_is_asked_for(registry: Path) -> None:
    path = find_model("tiny", registry=registry)
    kept = path.stat()
    path.write_bytes(BODY[:-1] + b"x")
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    with pytest.raises(ModelStoreError, match=r"the bundled model .*tiny.tflite is damaged \(SHA-256 .*: install edgefake"):
        find_model("tiny", registry=registry)


def test_a_missing_registry(tmp_path: Path) -> None:
    with pytest.raises(ModelStoreError, match=r"absent\.json cannot be read"):
        find_model("tiny", registry=tmp_path / "absent.json")


def test_a_download_is_cached(registry: Path, cached: Path, serve: Callable[..., Server]) -> None:
    server = serve(reply())
    assert find_model("small_int8", registry=registry) == cached
    assert find_model("small_int8", registry=registry) == cached
    assert cached.read_bytes() == BODY
    assert list(cached.parent.iterdir()) == [cached]
    assert server.paths == ["/models/small%20int8.tflite"]


def test_the_cache_is_in_the_home_folder_by_default(
    registry: Path, tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(reply())
    monkeypatch.delenv("EDGEFAKE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert find_model("small_int8", registry=registry) == tmp_path / "me" / ".cache" / "edgefake" / "small int8.tflite"


@pytest.mark.parametrize(
    "answer",
    [reply(BODY[:100], length=len(BODY)), reply(b"", length=len(BODY)), reply(b"", code=500), reply(b"", code=429)],
    ids=["truncated", "nothing", "500", "429"],
)
def test_a_passing_failure_is_tried_again(answer: Answer, registry: Path, cached: Path, serve: Callable[..., Server]) -> None:
    server = serve(answer, answer, reply())
    assert find_model("small_int8", registry=registry).read_bytes() == BODY
    assert len(server.paths) == 3


@pytest.mark.parametrize(
    ("answer", "message", "requests"),
    [
        (reply(BODY[:100], length=len(BODY)), "closed after 100 of 10240 bytes", 3),
        (reply(b"", code=503), "503", 3),
        (reply(b"", code=404), "HTTP 404 .* check EDGEFAKE_MODEL_URL", 1),
        (reply(BODY[:-1]), "10239 bytes instead of 10240", 1),
        (reply(BODY + b"x"), "10241 bytes instead of 10240", 1),
        (reply(BODY[:-1] + b"x"), "SHA-256 .* instead of", 1),
    ],
    ids=["truncated", "503", "404", "short", "long", "tampered"],
)
def test_a_failed_download_leaves_nothing(
    answer: Answer, message: str, requests: int, registry: Path, cached: Path, serve: Callable[..., Server]
) -> None:
    server = serve(answer)
    with pytest.raises(ModelStoreError, match=message):
        find_model("small_int8", registry=registry)
    assert len(server.paths) == requests
    assert list(cached.parent.iterdir()) == []


@pytest.mark.parametrize("length", ["\xb2", "9" * 5000, "-1"])
def test_a_length_that_is_no_number_is_not_believed(length: str, registry: Path, serve: Callable[..., Server]) -> None:
    serve(reply(length=length))
    try:
        assert find_model("small_int8", registry=registry).read_bytes() == BODY
    except ModelStoreError as error:
        assert "closed after" in str(error)


def test_a_silent_server(registry: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.05)
    done = threading.Event()
    server = serve(lambda request: done.wait(60) and None)
    try:
        with pytest.raises(ModelStoreError, match=r"in 3 attempts .*timed out"):
            find_model("small_int8", registry=registry)
    finally:
        done.set()
    patience = time.monotonic() + 30  # a busy server may notice a request after the client gave it up
    while len(server.paths) < 3 and time.monotonic() < patience:
        time.sleep(0.01)
    assert len(server.paths) == 3


def trickle(*pieces: bytes) -> Answer:
    """An answer that begins with the first piece and repeats the last until the client has gone."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            for piece in itertools.chain(pieces, itertools.repeat(pieces[-1])):
                request.wfile.write(piece)
                time.sleep(0.02)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 10240\r\n\r\n", b"x"),
        trickle(b"HTTP/1.1 100 Continue\r\n\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\n", b"a"),
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    ],
    ids=["a byte at a time", "100-continue", "headers", "chunks", "trailers"],
)
def test_a_server_that_never_ends(
    answer: Answer, registry: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "START_S", 0.3)
    monkeypatch.setattr(download, "LEAST_RATE", 50_000.0)  # 0.2 s for the 10 kB
    server = serve(answer)
    with pytest.raises(ModelStoreError, match=r"is too slow \(no answer in 0.3 s, or less than 50 kB/s\)"):
        find_model("small_int8", registry=registry)
    assert len(server.paths) == 1  # another attempt would cost as much


def test_the_login_in_the_address_is_sent_and_never_shown(
    registry: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    logins: list[str | None] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        logins.append(request.headers["Authorization"])
        (reply(b"", code=404) if len(logins) == 1 else reply(b"", code=500) if len(logins) < 5 else reply(BODY[:-1]))(request)

    server = serve(answer)
    address = server.url.replace("http://", "http://user:s3cr%40t@")
    monkeypatch.setenv("EDGEFAKE_MODEL_URL", address)
    for message in ("HTTP 404", "in 3 attempts", "is not small_int8"):
        with pytest.raises(ModelStoreError, match=message) as caught:
            find_model("small_int8", registry=registry)
        assert "s3cr" not in str(caught.value) and "user" not in str(caught.value)
        assert "127.0.0.1" in str(caught.value)
    assert set(logins) == {"Basic dXNlcjpzM2NyQHQ="}
    for bad in (
        "http://user:s3cr@t@[",
        "http://user:s3cr@127.0.0.1:port",
        "ftp://user:s3cr@host",
        "user:s3cr@host",
        "http://user:s3cr",
    ):
        monkeypatch.setenv("EDGEFAKE_MODEL_URL", bad)
        with pytest.raises(ModelStoreError, match="EDGEFAKE_MODEL_URL") as caught:
            find_model("small_int8", registry=registry)
        assert "s3cr" not in str(caught.value)


def test_a_reason_of_the_server_is_escaped(registry: Path, serve: Callable[..., Server]) -> None:
    serve(lambda request: request.wfile.write(b"HTTP/1.1 403 \x1b[2Jgone\r\nContent-Length: 0\r\n\r\n") and None)
    with pytest.raises(ModelStoreError, match=r"HTTP 403 \\x1b\[2Jgone"):
        find_model("small_int8", registry=registry)


def test_no_server(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setenv("EDGEFAKE_MODEL_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ModelStoreError, match=r"in 3 attempts .*check the network"):
            find_model("small_int8", registry=registry)


@pytest.mark.parametrize("url", ["example.org/models", "ftp://127.0.0.1", "file:///etc", "http://[", "http://127.0.0.1:port"])
def test_an_unusable_address(url: str, registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEFAKE_MODEL_URL", url)
    with pytest.raises(ModelStoreError, match="EDGEFAKE_MODEL_URL"):
        find_model("small_int8", registry=registry)


def test_no_address(registry: Path, cached: Path) -> None:
    with pytest.raises(ModelStoreError, match="small_int8 is not on this machine: set EDGEFAKE_MODEL_URL") as caught:
        find_model("small_int8", registry=registry)
    assert str(cached.parent) in str(caught.value)


def test_offline_asks_no_server(
    registry: Path, cached: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(reply())
    monkeypatch.setenv("EDGEFAKE_OFFLINE", "1")
    with pytest.raises(ModelStoreError, match="is not on this machine, and EDGEFAKE_OFFLINE forbids downloads"):
        find_model("small_int8", registry=registry)
    cached.parent.mkdir()
    cached.write_bytes(BODY)
    assert find_model("small_int8", registry=registry) == cached
    assert server.paths == []


def test_a_damaged_cached_file_is_fetched_again(registry: Path, cached: Path, serve: Callable[..., Server]) -> None:
    serve(reply())
    cached.parent.mkdir()
    cached.write_bytes(BODY[::-1])
    assert find_model("small_int8", registry=registry).read_bytes() == BODY


@pytest.mark.parametrize("offline", ["0", "1"])
def test_a_damaged_cached_file_is_never_used(offline: str, registry: Path, cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEFAKE_OFFLINE", offline)
    cached.parent.mkdir()
    cached.write_bytes(BODY[::-1])
    with pytest.raises(ModelStoreError, match=r"is damaged in the cache \(SHA-256"):
        find_model("small_int8", registry=registry)


def test_an_unwritable_cache_is_told_before_the_download(registry: Path, tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve(reply())
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ModelStoreError, match=r"cannot be written .*set EDGEFAKE_HOME"):
        find_model("small_int8", registry=registry)
    assert server.paths == []


def test_a_failed_write_leaves_no_partial_file(registry: Path, cached: Path, serve: Callable[..., Server]) -> None:
    serve(reply())
    cached.mkdir(parents=True)  # the last step, putting the file in its place, fails
    with pytest.raises(ModelStoreError, match="cannot be written"):
        find_model("small_int8", registry=registry)
    assert list(cached.parent.iterdir()) == [cached]


def test_simultaneous_downloads(registry: Path, cached: Path, serve: Callable[..., Server]) -> None:
    serve(reply())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: find_model("small_int8", registry=registry), range(8)))
    assert found == [cached] * 8
    assert cached.read_bytes() == BODY
    assert list(cached.parent.iterdir()) == [cached]


def test_where_models_are(registry: Path, cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def places() -> list[tuple[str, str, Path | None]]:
        return [(found.model.name, found.place, found.path) for found in list_models(registry=registry)]

    tiny = ("tiny", "bundled", registry.parent / "tiny.tflite")
    assert places() == [tiny, ("small_int8", "missing", None)]
    monkeypatch.setenv("EDGEFAKE_MODEL_URL", "https://example.org")
    assert places() == [tiny, ("small_int8", "downloadable", None)]
    monkeypatch.setenv("EDGEFAKE_OFFLINE", "1")
    assert places() == [tiny, ("small_int8", "missing", None)]
    cached.parent.mkdir()
    cached.write_bytes(BODY)
    assert places() == [tiny, ("small_int8", "cached", cached)]


def test_faults(registry: Path) -> None:
    tiny, small = list_models(registry=registry)
    assert tiny.fault() is None
    assert small.fault() == "not on this machine"
    assert tiny.path is not None
    tiny.path.write_bytes(BODY[:-1] + b"x")
    assert "SHA-256" in str(tiny.fault())
    tiny.path.unlink()
    assert "cannot be read" in str(tiny.fault())


def test_the_models_of_this_version_are_bundled_and_whole() -> None:
    models = {found.model.file: found for found in list_models()}
    for name in ("resnet18_int8", "cnn_int8"):
        for suffix in (".tflite", ".onnx"):
            found = models[f"{name}{suffix}"]
            assert (found.model.name, found.place, found.fault()) == (name, "bundled", None)
            assert find_model(name, suffix=suffix) == found.path

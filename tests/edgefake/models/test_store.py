"""Names and paths to files, and the cache; downloads come from a real HTTP server on loopback."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from edgefake.errors import EdgefakeError, ModelNotFoundError, ModelStoreError
from edgefake.models.file import ModelFile
from edgefake.models.store import find_model, list_models, open_model, read_registry
from tests.edgefake.models.model_server import BODY, Server, reply

pytestmark = pytest.mark.usefixtures("no_models")


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
    with pytest.raises(ModelNotFoundError, match="exist"):
        find_model(model)


def test_an_address_is_no_model_and_told_without_its_secrets() -> None:
    with pytest.raises(ModelNotFoundError, match=r" https://host/x\.tflite "):
        find_model("https://me:secret@host/x.tflite")


def test_what_no_file_can_be_called_is_no_model(registry: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"'x+…x+'") as failure:
        find_model("x" * 5000, registry=registry)
    assert len(str(failure.value)) < 500


def test_a_pipe_is_no_model(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.tflite")
    with pytest.raises(ModelNotFoundError, match=r"m\.tflite .*regular"):
        find_model(tmp_path / "m.tflite")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="folder"):
        find_model(tmp_path)


def test_a_bundled_model_needs_no_cache(registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny").mkdir()  # a folder that happens to have the name
    assert find_model("tiny", registry=registry) == registry.parent / "tiny.tflite"
    assert not (tmp_path / "cache").exists()


def test_an_unknown_name_gets_near_matches_and_the_list(registry: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"'smal_int8' .*small_int8\?.* tiny, small_int8"):
        find_model("smal_int8", registry=registry)
    with pytest.raises(ModelNotFoundError, match=r"no model 'xxxx': .*tiny"):
        find_model("xxxx", registry=registry)
    with pytest.raises(ModelNotFoundError):
        find_model("", registry=registry)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"tiny": 1}', '{"tiny": {"kind": "detector", "files": [{"file": "x.tflite"}]}}', "\xff"]
)
def test_a_damaged_registry(text: str, registry: Path) -> None:
    registry.write_text(text, "latin-1")
    with pytest.raises(ModelStoreError, match=r"models\.json .*edgefake"):
        read_registry(registry)


@pytest.mark.parametrize(
    "change", [{"file": "../tiny.tflite"}, {"file": ".."}, {"file": 3}, {"sha256": "AB" * 32}, {"bytes": -1}, {"bytes": "9"}]
)
def test_an_entry_that_is_no_model_file(change: dict[str, object], registry: Path) -> None:
    entry = json.loads(registry.read_text())["tiny"]
    registry.write_text(json.dumps({"tiny": entry | {"files": [entry["files"][0] | change]}}))
    with pytest.raises(ModelStoreError, match="is damaged"):
        read_registry(registry)


def test_a_model_without_a_kind_without_files_or_with_two_of_a_form(registry: Path) -> None:
    entry = json.loads(registry.read_text())["tiny"]
    for change in ({"files": []}, {"files": entry["files"] * 2}, {"kind": None}):
        registry.write_text(json.dumps({"tiny": entry | change}))
        with pytest.raises(ModelStoreError, match="is damaged"):
            read_registry(registry)


def test_a_model_that_has_no_such_file(registry: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"tiny .*no \.onnx .*\.tflite"):
        find_model("tiny", suffix=".onnx", registry=registry)


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_a_registered_file_is_read_and_hashed_once(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened, hashed = find_model("cnn_int8", suffix=suffix), [], []
    real_open, real_sha256 = Path.open, hashlib.sha256
    monkeypatch.setattr(Path, "open", lambda self, *rest, **more: opened.append(self) or real_open(self, *rest, **more))
    monkeypatch.setattr(hashlib, "sha256", lambda *given, **more: hashed.append(given) or real_sha256(*given, **more))
    file = open_model("cnn_int8", suffix=suffix)
    assert file.card is not None and file.payload_sha256 == file.card.payload_sha256 and file.data
    assert opened.count(path) == len(hashed) == 1
    assert file.payload_sha256 == ModelFile(path).payload_sha256  # what was believed is so


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
    with pytest.raises(ModelStoreError, match=r"tiny\.tflite .*damaged .*SHA-256 "):
        find_model("tiny", registry=registry)


def test_a_missing_registry(tmp_path: Path) -> None:
    with pytest.raises(ModelStoreError, match=r"absent\.json"):
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


def test_no_address(registry: Path, cached: Path) -> None:
    with pytest.raises(ModelStoreError, match=r"small_int8 .*EDGEFAKE_MODEL_URL") as caught:
        find_model("small_int8", registry=registry)
    assert str(cached.parent) in str(caught.value)


def test_offline_asks_no_server(
    registry: Path, cached: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(reply())
    monkeypatch.setenv("EDGEFAKE_OFFLINE", "1")
    with pytest.raises(ModelStoreError, match=r"small_int8 .*EDGEFAKE_OFFLINE"):
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
    with pytest.raises(ModelStoreError, match=r"damaged .*cache \(SHA-256"):
        find_model("small_int8", registry=registry)


def test_an_unwritable_cache_is_told_before_the_download(registry: Path, tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve(reply())
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ModelStoreError, match=r"written .*EDGEFAKE_HOME"):
        find_model("small_int8", registry=registry)
    assert server.paths == []


def test_a_failed_write_leaves_no_partial_file(registry: Path, cached: Path, serve: Callable[..., Server]) -> None:
    serve(reply())
    cached.mkdir(parents=True)  # the last step, putting the file in its place, fails
    with pytest.raises(ModelStoreError, match=r"cache .*written"):
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
        return [(found.stored.name, found.place, found.path) for found in list_models(registry=registry)]

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
    models = {found.stored.file: found for found in list_models()}
    for name in ("resnet18_int8", "cnn_int8", "face_finder_int8"):
        for suffix in (".tflite", ".onnx"):
            found = models[f"{name}{suffix}"]
            assert (found.stored.name, found.place, found.fault()) == (name, "bundled", None)
            assert find_model(name, suffix=suffix) == found.path

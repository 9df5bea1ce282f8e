"""Headers of model files, HDF5 files and run folders: right ones are read, all others end in one sentence."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from edgefake.errors import InputError
from training.digests import read_seen
from training.runs import Run, State, float_parent, open_run, read_run
from training.safe.hdf5 import open_arrays
from training.safe.headers import check_header, model_name, read_header, unpack_weights

CONFIG = {"class_name": "Functional", "config": {"name": "mine", "layers": []}}
RUN = Run("float", "cnn", "data", None, (), False, "standard", 64, 0.3, 4, 1e-3, 0.1, 1, False, "none", "python -m training fit")


def _keras(path: Path, metadata: Any = None, config: Any = CONFIG, **entries: bytes) -> Path:
    """A ``.keras`` file with these parts, as JSON unless they are bytes."""
    parts = {"metadata.json": {"keras_version": "3.15.1"} if metadata is None else metadata, "config.json": config}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part if isinstance(part, bytes) else json.dumps(part))
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def _hdf5(path: Path, version: Any = "2.15.0", config: Any = None) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version
        file.attrs["model_config"] = json.dumps(CONFIG) if config is None else config
        layer = file.create_group("model_weights/dense")
        layer.attrs["weight_names"] = [b"dense/kernel:0"]
        layer["dense/kernel:0"] = np.ones((3, 2), np.float32)
    return path


def test_headers_are_read_without_keras(tmp_path: Path) -> None:
    archive, hdf5 = read_header(_keras(tmp_path / "a.keras")), read_header(_hdf5(tmp_path / "a.h5"))
    assert (archive.version, archive.config, archive.hdf5) == (3, CONFIG, False)
    assert (hdf5.version, hdf5.config, hdf5.hdf5) == (2, CONFIG, True)
    assert model_name(tmp_path / "a.h5") == "mine"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: _keras(path, metadata=[]),
        lambda path: _keras(path, metadata={"keras_version": "newest"}),
        lambda path: _keras(path, metadata={"keras_version": 3}),
        lambda path: _keras(path, metadata={}),
        lambda path: _keras(path, config=5),
        lambda path: _keras(path, config=b"[" * 50_000 + b"]" * 50_000),
        lambda path: _keras(path, config=b'{"a": ' + b"9" * 5000 + b"}"),
        lambda path: _keras(path, config=b"\xff\xfe\xff"),
        lambda path: _keras(path, config=b" " * (65 * 2**20)),
        lambda path: _hdf5(path, version=[1, 2, 3]),
        lambda path: _hdf5(path, version=""),
        lambda path: _hdf5(path, config=np.ones(3)),
        lambda path: _hdf5(path, config="{"),
        lambda path: path.write_bytes(b""),
    ],
)
def test_headers_unlike_any_that_keras_writes(make: Callable[[Path], Any], tmp_path: Path) -> None:
    make(tmp_path / "mine.model")
    with pytest.raises(InputError, match=r"mine\.model .*\(.*\): .*\.keras .*\.h5"):
        read_header(tmp_path / "mine.model")


@pytest.mark.parametrize("make", [_keras, _hdf5])
def test_no_damage_ends_in_a_traceback(make: Callable[[Path], Path], tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.model").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), rng.integers(1, 6)):
            data[at] = rng.integers(0, 256)
        path = tmp_path / "damaged.model"
        path.write_bytes(data[: rng.integers(1, len(data))] if rng.random() < 0.3 else data)
        try:
            check_header(path, read_header(path), "save it again")
            if path.read_bytes()[:2] == b"PK":
                unpack_weights(path, tmp_path)
        except InputError as error:
            assert str(path) in str(error)
        except KeyError:
            assert make is _keras  # it has no weights


def _linked(file: h5py.File, folder: Path) -> None:
    file["away"] = h5py.ExternalLink("other.h5", "/dense")


def _soft(file: h5py.File, folder: Path) -> None:
    file["away"] = h5py.SoftLink("/model_weights")


def _external(file: h5py.File, folder: Path) -> None:
    (folder / "secret.bin").write_bytes(b"12345678")
    file.create_dataset("away", (2,), np.float32, external=[(str(folder / "secret.bin"), 0, 8)])


def _virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((2,), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "x", (2,))
    file.create_virtual_dataset("away", layout)


def _inflated(file: h5py.File, folder: Path) -> None:
    file.create_dataset("away", (2**33,), np.float32, chunks=(2**20,))


def _objects(file: h5py.File, folder: Path) -> None:
    file.create_dataset("away", (1,), h5py.string_dtype())


def _endless(file: h5py.File, folder: Path) -> None:
    file["model_weights/away"] = file["model_weights"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_linked, "another place .*'/away'"),
        (_soft, "another place"),
        (_external, "'/away' .*another file"),
        (_virtual, "'/away' .*another file"),
        (_inflated, "100 times"),
        (_objects, "no array .*'/away'"),
        (_endless, "100000 groups"),
    ],
)
def test_arrays_of_the_file_itself_alone_are_read(change: Callable[[h5py.File, Path], None], told: str, tmp_path: Path) -> None:
    with h5py.File(_hdf5(tmp_path / "mine.h5"), "a") as file:
        change(file, tmp_path)
    with pytest.raises(InputError, match=told), open_arrays(tmp_path / "mine.h5"):
        pass
    with pytest.raises(InputError, match=told):
        read_header(tmp_path / "mine.h5")


def test_weights_are_unpacked_to_one_place_and_bounded(tmp_path: Path) -> None:
    weights = _hdf5(tmp_path / "w.h5").read_bytes()
    entries = {"model.weights.h5": weights, "../outside": b"x", "assets/../../outside": b"x"}
    archive = _keras(tmp_path / "mine.keras", **entries)
    (tmp_path / "in").mkdir()
    assert unpack_weights(archive, tmp_path / "in").read_bytes() == weights
    assert {path.name for path in tmp_path.rglob("*")} == {"w.h5", "mine.keras", "in", "model.weights.h5"}
    bomb = _keras(tmp_path / "bomb.keras", **{"model.weights.h5": bytes(11_000_000)})
    with pytest.raises(InputError, match=r"model\.weights\.h5 unpacks .*MB"):
        unpack_weights(bomb, tmp_path)


def _write(folder: Path, values: Any, name: str = "run.json") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(values if isinstance(values, bytes) else json.dumps(values).encode())
    return folder


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = Run(**asdict(RUN) | {"classes": ("real", "swap"), "faces": "faces.csv"})
    open_run(run, tmp_path)
    assert read_run(tmp_path) == run
    _write(tmp_path, asdict(State(0.001, 3, 0.9)), "state.json")
    assert open_run(run, tmp_path) == State(0.001, 3, 0.9)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([], "object.* list"),
        (b'{"stage": "\xff"}', "UnicodeDecodeError"),
        (b"[" * 100_000, "RecursionError"),
        ({"classes": 5}, "classes .*5.* list"),
        ({"classes": ["real", 1]}, "classes .*'real', 1.* list"),
        ({"size": "64"}, "size .*'64'"),
        ({"size": True}, "size .*True"),
        ({"size": 10**9}, "size .*8 to 4096"),
        ({"batch": 0}, "batch .*1"),
        ({"margin": -1.0}, "margin .*0 to 10"),
        ({"margin": float("nan")}, "margin .*nan"),
        ({"learning_rate": 10**400}, "learning_rate"),
        ({"recipe": "cnn\0"}, r"recipe .*'cnn\\x00'"),
        ({"recipe": "../../outside"}, r"recipe .*got '\.\./\.\./outside'"),
        ({"data": "x" * 5000}, "data .*'xxx.* 4096"),
        ({"stage": "both"}, "stage .*'both'.*float.*qat"),
        ({"faces": 1}, "faces .*1.*null"),
        ({"another": 1}, "'another'"),
    ],
)
def test_what_run_json_may_not_hold(changes: Any, told: str, tmp_path: Path) -> None:
    _write(tmp_path, asdict(RUN) | changes if isinstance(changes, dict) else changes)
    with pytest.raises(InputError, match=rf"run\.json .*damaged.*{told}"):
        read_run(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "state.json", "seen.txt", "history.csv"])
@pytest.mark.parametrize("endless", ["pipe", "/dev/zero"])
def test_files_without_an_end_are_not_read(name: str, endless: str, tmp_path: Path) -> None:
    from training.history import read_history  # loads TensorFlow

    read = {"run.json": read_run, "seen.txt": read_seen, "history.csv": read_history}
    path = _write(tmp_path / "run", asdict(RUN)) / name
    path.unlink(missing_ok=True)
    os.mkfifo(path) if endless == "pipe" else path.symlink_to(endless)
    with pytest.raises(InputError, match="plain file"):
        read.get(name, lambda folder: open_run(RUN, folder))(tmp_path / "run")


@pytest.mark.parametrize("name", ["best.h5", "mine.keras"])
def test_models_that_are_pipes_are_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"no model .*{name}"):
        read_header(tmp_path / name)
    with pytest.raises(InputError, match=f"no checkpoint .*{name}"):
        from training.start import load_weights  # loads TensorFlow

        load_weights(None, tmp_path / name)


def test_keys_that_are_missing_are_named(tmp_path: Path) -> None:
    values = asdict(RUN)
    del values["seed"], values["data"]
    with pytest.raises(InputError, match="data, seed"):
        read_run(_write(tmp_path, values))


def test_a_run_that_comes_from_itself(tmp_path: Path) -> None:
    run = Run(**asdict(RUN) | {"stage": "qat", "weights": str(tmp_path / "best.h5")})
    _write(tmp_path, asdict(run))
    with pytest.raises(InputError, match="itself"):
        float_parent(run)


@pytest.mark.parametrize("name", ["run.json", "state.json", "history.csv"])
def test_no_damage_to_a_run_ends_in_a_traceback(name: str, tmp_path: Path) -> None:
    whole = {
        "run.json": json.dumps(asdict(RUN)).encode(),
        "state.json": json.dumps(asdict(State(0.001, 1, 0.9, 1, 1, 2.5))).encode(),
        "history.csv": b"epoch,loss,accuracy,val_loss,val_accuracy,val_auc,learning_rate,seconds\n1,0.5,,0.5,0.7,0.8,0.001,3.5\n",
    }
    other = [b"null", b"[]", b'"x"', b"1e999", b"-1", b"\xff", b"\0", b"9" * 5000, b"NaN", b'"', b",", b"{", b"\\ud800"]
    rng = np.random.default_rng(1)
    for _ in range(300):
        _write(tmp_path, whole["run.json"])
        data = bytearray(whole[name])
        for at in rng.integers(0, len(data), rng.integers(1, 3)):
            data[at : at + rng.integers(0, 9)] = other[rng.integers(len(other))]
        _write(tmp_path, bytes(data), name)
        try:
            if name == "history.csv":
                from training.history import read_history  # loads TensorFlow

                read_history(tmp_path)
            elif name == "run.json":
                read_run(tmp_path)
            else:
                open_run(RUN, tmp_path)
        except InputError as error:
            assert name in str(error)
    shutil.rmtree(tmp_path)

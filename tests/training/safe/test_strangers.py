"""Files of strangers whose code creates a file named CANARY where it runs: it never does."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from tf_keras.protobuf.saved_metadata_pb2 import SavedMetadata

from edgefake.errors import InputError
from tests.own_detectors import SIZE
from tests.training.runs import small_run
from training.fit import fit
from training.loop import Stopping
from training.own.files import open_model
from training.recipes import build
from training.runs import Run, State
from training.start import load_weights, start

FACES = np.zeros((2, SIZE, SIZE, 3), np.uint8)


def _payload(x: Any) -> Any:
    open("CANARY", "w").close()
    return x


def _model(code: bool = True) -> Any:
    layers = keras.layers
    inner = [layers.Lambda(_payload)] if code else []
    return keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), layers.Rescaling(1 / 255.0), *inner, layers.GlobalAveragePooling2D(), layers.Dense(1)],
        name="cnn",
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole ``.h5`` with a Lambda, and a SavedModel of the same."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        model = _model()
        model.save(folder / "lambda.h5", include_optimizer=False)
        model.save(folder / "saved", save_format="tf", include_optimizer=False)
        _model(code=False).save(folder / "plain.keras")
        (folder / "CANARY").unlink()
    return folder


@pytest.fixture(autouse=True)
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield
    assert not list(tmp_path.rglob("CANARY"))


def _run(folder: Path, data: Path = Path("data"), **changes: Any) -> Run:
    run = small_run(data, size=SIZE, **changes)
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(asdict(run)))
    return run


def test_weights_to_start_from(made: Path) -> None:
    with pytest.raises(InputError, match=r"lambda\.h5 .*cnn"):
        start(build("cnn", SIZE), str(made / "lambda.h5"), FACES)


def test_the_model_that_a_run_names(made: Path, tmp_path: Path) -> None:
    run = _run(tmp_path / "run", model=str(made / "lambda.h5"))
    with pytest.raises(InputError, match=r"no imported .*Lambda"):
        run.build()


def test_a_run_that_is_resumed(made: Path, tmp_path: Path) -> None:
    from tests.drawn import drawn_dataset

    data = drawn_dataset(tmp_path / "data", splits={"train": 4, "val": 2})
    run = _run(tmp_path / "run", data)
    (tmp_path / "run" / "state.json").write_text(json.dumps(asdict(State(1e-3, 1, 0.9, 1, 1))))
    shutil.copyfile(made / "lambda.h5", tmp_path / "run" / "last-1.h5")
    with pytest.raises(InputError, match=r"last-1\.h5 .*damaged"):
        fit(run, tmp_path / "run", Stopping(2, 2, 2))


def test_a_detector_with_a_lambda(made: Path) -> None:
    with pytest.raises(InputError, match=r"Lambda .*Python code"):
        open_model(made / "lambda.h5")


def _spelt(old: str, new: str) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        saved = SavedMetadata.FromString(data)
        for node in saved.nodes:
            assert old not in node.metadata or new not in node.metadata
            node.metadata = node.metadata.replace(old, new)
        return bytes(saved.SerializeToString())

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data,
        _spelt('"class_name": "Lambda"', '"class_name":"Lambda"'),
        _spelt('"Lambda"', '"L\\u0061mbda"'),
        lambda data: data[:100],
    ],
)
def test_a_saved_model_with_a_lambda_is_a_computation_only(change: Callable[[bytes], bytes], made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    shutil.copytree(made / "saved", folder)
    (folder / "keras_metadata.pb").write_bytes(change((folder / "keras_metadata.pb").read_bytes()))
    assert open_model(folder).keras is None


def _mean(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(x, (1, 2))


def _write(x: tf.Tensor) -> tf.Tensor:
    tf.io.write_file("CANARY", "written by the graph")
    return _mean(x)


def _read(x: tf.Tensor) -> tf.Tensor:
    return _mean(x) + tf.strings.to_number(tf.io.read_file("/etc/hostname"))


def _branch(x: tf.Tensor) -> tf.Tensor:
    """Written in a function that a function calls."""
    return tf.cond(tf.reduce_mean(x) > -1, lambda: tf.function(_write)(x), lambda: _mean(x))


def _save(x: tf.Tensor) -> tf.Tensor:
    """With the operation that every SavedModel has for its variables."""
    tf.raw_ops.SaveV2(prefix="CANARY", tensor_names=["x"], shape_and_slices=[""], tensors=[x])
    return _mean(x)


def _say(x: tf.Tensor) -> tf.Tensor:
    tf.print("hello", output_stream="file://CANARY")
    return _mean(x)


def _python(x: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.py_function(_payload, [_mean(x)], tf.float32), (None, 3))


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (_write, "WriteFile"),
        (_read, "ReadFile, StringToNumber"),
        (_branch, "WriteFile"),
        (_save, "SaveV2 or RestoreV2"),
        (_say, "PrintV2"),
        (_python, "EagerPyFunc"),
    ],
)
def test_graphs_that_do_more_than_compute(function: Callable[..., Any], operation: str, tmp_path: Path) -> None:
    module = tf.Module()
    module.f = tf.function(function, input_signature=[tf.TensorSpec((None, SIZE, SIZE, 3))])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.f)
    with pytest.raises(InputError, match=rf"\(.*{operation}.*--trust-code"):
        open_model(tmp_path / "saved")


def test_constants_that_are_objects(made: Path, tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    shutil.copytree(made / "saved", tmp_path / "saved")
    file = tmp_path / "saved" / "saved_model.pb"
    saved = SavedModel.FromString(file.read_bytes())
    constant = next(n for f in saved.meta_graphs[0].graph_def.library.function for n in f.node_def if n.op == "Const")
    constant.attr["value"].tensor.variant_val.add(type_name="tensorflow::DatasetVariantWrapper")
    file.write_bytes(saved.SerializeToString())
    with pytest.raises(InputError, match="Const of"):
        open_model(tmp_path / "saved")


def test_a_graph_is_run_for_those_who_trust_it(tmp_path: Path) -> None:
    module = tf.Module()
    module.f = tf.function(_write, input_signature=[tf.TensorSpec((None, SIZE, SIZE, 3))])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.f)
    assert open_model(tmp_path / "saved", trust_code=True).size == SIZE
    Path("CANARY").unlink()


def test_what_initializes_a_saved_model(tmp_path: Path) -> None:
    module = tf.Module()
    (tmp_path / "words.txt").write_text("a\nb\n")
    table = tf.lookup.TextFileInitializer(
        str(tmp_path / "words.txt"), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    module.table = tf.lookup.StaticHashTable(table, -1)
    tf.saved_model.save(module, str(tmp_path / "saved"))
    with pytest.raises(InputError, match="HashTableV2, InitializeTableFromTextFile"):
        open_model(tmp_path / "saved")


def test_modules_are_not_imported_by_name(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "canary_module.py").write_text('open("CANARY", "w").close()\n')
    monkeypatch.syspath_prepend(str(tmp_path / "here"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(made / "plain.keras") as whole, zipfile.ZipFile(buffer, "w") as archive:
        for name in whole.namelist():
            data = whole.read(name)
            if name == "config.json":
                changes = {"module": "canary_module", "class_name": "Anything", "registered_name": "Anything"}
                data = json.dumps(json.loads(data) | changes).encode()
            archive.writestr(name, data)
    (tmp_path / "mine.keras").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="'Anything'"):
        open_model(tmp_path / "mine.keras")


def test_a_checkpoint_that_leads_to_another_file(made: Path, tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["model_weights"] = h5py.ExternalLink(str(made / "lambda.h5"), "/model_weights")
    with pytest.raises(InputError, match=r"mine\.h5 .*cnn.*another place .*'/model_weights'"):
        load_weights(build("cnn", SIZE), tmp_path / "mine.h5")


def test_a_function_that_is_called_like_an_operation(tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    module = tf.Module()
    inner = tf.function(_save, autograph=False)
    module.f = tf.function(lambda x: inner(x), input_signature=[tf.TensorSpec((None, SIZE, SIZE, 3))])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.f)
    file = tmp_path / "saved" / "saved_model.pb"
    saved = SavedModel.FromString(file.read_bytes())
    library = saved.meta_graphs[0].graph_def.library.function
    (saving,) = (f for f in library if len(f.signature.input_arg) == 1 and any(node.op == "SaveV2" for node in f.node_def))
    for node in (node for function in library for node in function.node_def):
        if "f" in node.attr and node.attr["f"].func.name == saving.signature.name:
            node.op = "Relu"
            node.attr.clear()
    for function in library:  # a function's outputs are called as in its signature, those of a call are all "output"
        if any(node.op == "Relu" for node in function.node_def):
            for node in function.node_def:
                node.input[:] = [name.replace(":output:", f":{saving.signature.output_arg[0].name}:") for name in node.input]
    saving.signature.name = "Relu"
    file.write_bytes(saved.SerializeToString())
    with pytest.raises(InputError, match="SaveV2 or RestoreV2"):
        open_model(tmp_path / "saved")


def test_an_hdf5_file_that_is_a_zip_file_too(made: Path, tmp_path: Path) -> None:
    _model(code=False).save(tmp_path / "plain.h5", include_optimizer=False)
    path = tmp_path / "mine.keras"
    path.write_bytes((tmp_path / "plain.h5").read_bytes() + (made / "plain.keras").read_bytes())
    with pytest.raises(InputError, match=r"HDF5 .*zip"):
        open_model(path)

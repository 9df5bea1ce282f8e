"""Every attribute of TensorRT that edgefake touches exists in the real bindings of each version, for the way that version takes.

Runs with a folder of wheels in ``EDGEFAKE_TENSORRT_WHEELS``, into which ``.ci/run`` fetches some. Those for this Python, 1 MB
each, are had with::

    pip download --no-deps -d WHEELS tensorrt-bindings==8.6.1            # Python 3.11 and before
    pip download --no-deps -d WHEELS tensorrt-cu12-bindings==10.3.0      # and 10.0.1, 10.7.0, 10.13.3.9, 10.16.1.11, 11.4.0.106

``tensorrt==8.5.3.1`` (550 MB) needs a ``python3.10`` on the path.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgefake import ModelCard, ModelFileError
from tests.edgefake.runtimes.tensorrt.bindings import missing_attributes
from tests.edgefake.runtimes.tensorrt.conftest import UseMachine, open_engine_of
from tests.edgefake.runtimes.tensorrt.fake_tensorrt import GENERATIONS, USED, FakeTensorRT, onnx_file

FOLDER = os.environ.get("EDGEFAKE_TENSORRT_WHEELS")
WHEELS = sorted(Path(FOLDER).glob("tensorrt*.whl")) if FOLDER else []

Use = Callable[[str], set[tuple[str, str]]]


@pytest.fixture
def used_by(use_machine: UseMachine, model: Path, card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """A function that builds and runs with a generation of the fake TensorRT, and gives the attributes that were touched."""
    monkeypatch.setattr("edgefake.runtimes.tensorrt.builder.float_weights", lambda data: data)

    def use(generation: str) -> set[tuple[str, str]]:
        use_machine(FakeTensorRT(generation))
        monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / generation))
        broken = tmp_path / "broken.onnx"
        broken.write_bytes(onnx_file().replace(b'"size"', b"size  "))
        USED.clear()
        open_engine_of(model, card).close()
        with pytest.raises(ModelFileError, match="cannot read"):
            open_engine_of(broken, card)
        return USED | {("ILogger", severity) for severity in ("INTERNAL_ERROR", "ERROR", "WARNING")}

    return use


def test_each_generation_goes_its_way(used_by: Use) -> None:
    """What is compared with the bindings is not empty, and differs where TensorRT does."""
    old, first, typed, new = map(used_by, GENERATIONS)
    assert ("NetworkDefinitionCreationFlag", "EXPLICIT_BATCH") in old & first - typed - new
    assert ("BuilderFlag", "INT8") in old & first - typed - new
    assert ("NetworkDefinitionCreationFlag", "STRONGLY_TYPED") in (typed & new) - old - first
    assert ("IBuilderConfig", "builder_optimization_level") in (first & typed & new) - old
    assert ("IExecutionContext", "execute_async_v3") in old & first & typed & new
    assert ("ParserError", "desc") in old


@pytest.mark.skipif(not WHEELS, reason="set EDGEFAKE_TENSORRT_WHEELS to a folder with wheels of TensorRT, see above")
@pytest.mark.parametrize("wheel", WHEELS, ids=[wheel.name.split("-cp")[0] for wheel in WHEELS])
def test_the_real_bindings_have_what_is_used(wheel: Path, used_by: Use, tmp_path: Path) -> None:
    for tool in ("gcc", "nm", "readelf"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    version = wheel.name.split("-")[1]
    generation = next(name for name in ("8.5", "8.6", "10", "11") if version.startswith(f"{name}."))
    assert missing_attributes(wheel, used_by(generation), tmp_path / "bindings") == (version, [])

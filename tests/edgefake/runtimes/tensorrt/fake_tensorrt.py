"""A fake TensorRT for machines without a GPU, of every generation: its engines compute a known function.

It records which attributes the code under test touches, for the conformance test against the real bindings: what is public here
is TensorRT's, under the name of the real class, and what tests steer and read has an underscore.
"""

from __future__ import annotations

import json
import time
import weakref
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.faces.decode import BOX, POINTS, SCORE
from edgefake.faces.decode import OUTPUTS as FINDER_OUTPUTS
from edgefake.pixels import Pixels
from tests.edgefake.runtimes.tensorrt.fake_cuda import FakeCuda

GENERATIONS = {
    "8.5": {"EXPLICIT_BATCH", "BuilderFlag"},
    "8.6": {"EXPLICIT_BATCH", "BuilderFlag", "builder_optimization_level"},
    "10": {"EXPLICIT_BATCH", "STRONGLY_TYPED", "BuilderFlag", "builder_optimization_level"},
    "11": {"STRONGLY_TYPED", "builder_optimization_level"},
}
"""What some have and others have not."""

USED: set[tuple[str, str]] = set()
"""(class, or "" for the module; attribute)"""


def onnx_file(
    *,
    size: int = 16,
    width: int | None = None,
    batch: int = -1,
    products: tuple[str, ...] = ("first", "second"),
    outputs: tuple[str, ...] = ("logit",),
) -> bytes:
    """What ``FakeTensorRT`` takes for an ONNX file: a ModelProto whose graph (field 7) has JSON as its doc_string (field 10)."""
    described = {"size": size, "width": width or size, "batch": batch, "products": products, "outputs": outputs}
    text = json.dumps(described, separators=(",", ":")).encode()
    return _field(7, _field(10, text))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of protocol buffers, of less than 16 kB."""
    return bytes([number << 3 | 2, len(content) & 0x7F | 0x80, len(content) >> 7]) + content


def logit(faces: Pixels) -> npt.NDArray[np.float32]:
    """The ``logit`` (N, 1) of its engines for faces (N, H, W, 3)."""
    return (faces.reshape(len(faces), -1).mean(axis=1, keepdims=True) / 128 - 1).astype(np.float32)


def rows(faces: Pixels) -> npt.NDArray[np.float32]:
    """Their ``rows`` (N, H, 3)."""
    return faces.mean(axis=2).astype(np.float32)


def cells(name: str, pictures: Pixels) -> npt.NDArray[np.float32]:
    """An output of a face finder that finds none."""
    what, stride = name.split("_")
    count, height, width, _ = pictures.shape
    numbers = {"score": SCORE, "box": BOX, "points": POINTS}[what]
    return np.full((count, height // int(stride), width // int(stride), numbers), -9, np.float32)


OUTPUTS = {"logit": logit, "score": logit, "rows": rows, "map": rows, "for_all": lambda faces: logit(faces)[:1]}
OUTPUTS |= {name: partial(cells, name) for name in FINDER_OUTPUTS}


class _Recorded:
    _real: str

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def __init_subclass__(cls) -> None:
        cls._real = cls.__name__.removeprefix("Fake")

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if not name.startswith("_") or name == "__version__":
            USED.add((self._real, name))
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            USED.add((self._real, name))
        object.__setattr__(self, name, value)


class _Member(int):
    """A member of an enumeration."""

    name: str


def _members(*names: str) -> dict[str, _Member]:
    members = {name: _Member(index) for index, name in enumerate(names)}
    for name, member in members.items():
        member.name = name
    return members


def _enumeration(real: str, *names: str) -> Any:
    return type(f"Fake{real}", (_Recorded,), {})(**_members(*names))


class FakeILogger:
    INTERNAL_ERROR, ERROR, WARNING = 0, 1, 2


class FakeTensorRT(_Recorded):
    """The module."""

    def __init__(self, generation: str = "10", version: str = "10.3.0") -> None:
        has = self._has = GENERATIONS[generation]
        types = _members("float32", "uint8")
        super().__init__(
            __version__=version,
            ILogger=FakeILogger,
            NetworkDefinitionCreationFlag=_enumeration(
                "NetworkDefinitionCreationFlag", *sorted(has & {"EXPLICIT_BATCH", "STRONGLY_TYPED"})
            ),
            ProfilingVerbosity=_enumeration("ProfilingVerbosity", "DETAILED"),
            MemoryPoolType=_enumeration("MemoryPoolType", "WORKSPACE"),
            TacticSource=_enumeration("TacticSource", "CUBLAS", "EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS"),
            TensorIOMode=_enumeration("TensorIOMode", "NONE", "INPUT", "OUTPUT"),
            LayerInformationFormat=_enumeration("LayerInformationFormat", "ONELINE", "JSON"),
            **types,
        )
        if "BuilderFlag" in has:
            super().__init__(BuilderFlag=_enumeration("BuilderFlag", "FP16", "INT8"))
        self._types = types
        self._float: set[str] = set()
        """Layers that the builder will not run in INT8."""
        self._off = 0.0
        """Added to every answer of engines that are built from now on."""
        self._error = ""
        """What building and running fail with."""
        self._build_seconds = 0.0
        self._configs: list[FakeIBuilderConfig] = []
        """Of every build."""
        self._live: weakref.WeakSet[_Recorded] = weakref.WeakSet()
        """Runtimes, engines and contexts that are still held."""

    def Builder(self, log: Any) -> FakeBuilder:
        return FakeBuilder(_trt=self, _log=log)

    def OnnxParser(self, network: FakeINetworkDefinition, log: Any) -> FakeOnnxParser:
        return FakeOnnxParser(_network=network, num_errors=0)

    def Runtime(self, log: Any) -> FakeRuntime:
        return _live(FakeRuntime(_trt=self, _log=log))


FakeTensorRT._real = ""


def _live(held: Any) -> Any:
    held._trt._live.add(held)
    return held


class FakeBuilder(_Recorded):
    def create_network(self, flags: int) -> FakeINetworkDefinition:
        kinds = self._trt.NetworkDefinitionCreationFlag
        assert flags == 1 << (kinds.STRONGLY_TYPED if "STRONGLY_TYPED" in self._trt._has else kinds.EXPLICIT_BATCH)
        return FakeINetworkDefinition()

    def create_builder_config(self) -> FakeIBuilderConfig:
        level = {"builder_optimization_level": 3} if "builder_optimization_level" in self._trt._has else {}
        return FakeIBuilderConfig(_flags=set(), _profile=None, _sources=0b111, _timings=None, **level)

    def create_optimization_profile(self) -> FakeIOptimizationProfile:
        return FakeIOptimizationProfile()

    def build_serialized_network(self, network: FakeINetworkDefinition, config: FakeIBuilderConfig) -> bytes | None:
        trt = self._trt
        trt._configs.append(config)
        time.sleep(trt._build_seconds)
        if trt._error:
            self._log.log(FakeILogger.ERROR, trt._error)
            return None
        model = network._model
        profile = config._profile._shapes if config._profile else None
        types = {
            name: "Row major linear FP32" if name in trt._float else "Four wide row major Int8" for name in model["products"]
        }
        layers = [{"Name": f"{name}_kernel + {name}", "Inputs": [{"Format/Datatype": type_}]} for name, type_ in types.items()]
        return json.dumps({**model, "profile": profile, "layers": layers, "off": trt._off}).encode()


class FakeINetworkDefinition(_Recorded):
    def _parsed(self, model: Any) -> None:
        self._model = model
        self.__dict__["num_layers"] = len(model["products"]) + 1

    def get_layer(self, index: int) -> FakeILayer:
        names = [*self._model["products"], "relu"]
        return FakeILayer(name=names[index], type=SimpleNamespace(name="ACTIVATION" if names[index] == "relu" else "CONVOLUTION"))

    def get_input(self, index: int) -> FakeITensor:
        return FakeITensor(name="face", shape=(self._model["batch"], self._model["size"], self._model["width"], 3))


class FakeILayer(_Recorded):
    pass


class FakeITensor(_Recorded):
    pass


class FakeOnnxParser(_Recorded):
    def parse(self, model: bytes) -> bool:
        try:
            self._network._parsed(json.loads(model[model.index(b"{") : model.index(b"}") + 1]))
        except ValueError:
            self.__dict__["num_errors"] = 1
            return False
        return True

    def get_error(self, index: int) -> FakeParserError:
        return FakeParserError()


class FakeParserError(_Recorded):
    def desc(self) -> str:
        return "this is no ONNX"


class FakeIOptimizationProfile(_Recorded):
    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        self._shapes = (min, opt, max)


class FakeIBuilderConfig(_Recorded):
    profiling_verbosity = None

    def set_memory_pool_limit(self, pool: _Member, pool_size: int) -> None:
        self._workspace = pool_size

    def set_tactic_sources(self, tactic_sources: int) -> None:
        self._sources = tactic_sources

    def set_flag(self, flag: _Member) -> None:
        self._flags.add(flag.name)

    def add_optimization_profile(self, profile: FakeIOptimizationProfile) -> None:
        self._profile = profile

    def create_timing_cache(self, serialized_timing_cache: bytes) -> FakeITimingCache:
        return FakeITimingCache(_given=serialized_timing_cache)

    def set_timing_cache(self, cache: FakeITimingCache, ignore_mismatch: bool) -> bool:
        self._timings = cache
        return True

    def get_timing_cache(self) -> FakeITimingCache | None:
        return self._timings  # type: ignore[no-any-return]


class FakeITimingCache(_Recorded):
    def serialize(self) -> bytes:
        return bytes(self._given) + b"measured "


class FakeRuntime(_Recorded):
    def deserialize_cuda_engine(self, serialized_engine: bytes) -> FakeICudaEngine | None:
        try:
            model = json.loads(serialized_engine)
        except ValueError:
            self._log.log(FakeILogger.ERROR, "magicTag does not match")
            return None
        engine: FakeICudaEngine = _live(FakeICudaEngine(_trt=self._trt, _model=model, num_io_tensors=1 + len(model["outputs"])))
        return engine


class FakeICudaEngine(_Recorded):
    def get_tensor_name(self, index: int) -> str:
        """In an order that is not the network's: none is promised."""
        first, *others = reversed(self._model["outputs"])
        return (first, "face", *others)[index]  # type: ignore[no-any-return]

    def get_tensor_mode(self, name: str) -> _Member:
        modes = self._trt.TensorIOMode
        return modes.INPUT if name == "face" else modes.OUTPUT  # type: ignore[no-any-return]

    def get_tensor_dtype(self, name: str) -> _Member:
        return self._trt._types["uint8" if name == "face" else "float32"]  # type: ignore[no-any-return]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch, picture = self._model["batch"], (self._model["size"], self._model["width"], 3)
        if name == "face":
            return (batch, *picture)
        count, *shape = OUTPUTS[name](np.zeros((2, *picture), np.uint8)).shape
        return (batch if count == 2 else count, *shape)

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[list[int]]:
        return self._model["profile"]  # type: ignore[no-any-return]

    def create_engine_inspector(self) -> FakeEngineInspector:
        return FakeEngineInspector(_layers=self._model["layers"])

    def create_execution_context(self) -> FakeIExecutionContext:
        batch = self._model["batch"]
        context: FakeIExecutionContext = _live(
            FakeIExecutionContext(_trt=self._trt, _model=self._model, _addresses={}, _batch=max(batch, 1))
        )
        return context


class FakeEngineInspector(_Recorded):
    def get_engine_information(self, format: _Member) -> str:
        return json.dumps({"Layers": self._layers})


class FakeIExecutionContext(_Recorded):
    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert (name, self._model["batch"]) == ("face", -1)
        assert 1 <= shape[0] <= self._model["profile"][2][0]
        self._batch = shape[0]
        return True

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        (cuda,) = (cuda for cuda in FakeCuda.opened if cuda.stream == stream_handle)
        source = cuda.blocks[self._addresses["face"]]
        targets = {name: cuda.blocks[self._addresses[name]] for name in self._model["outputs"]}
        shape = (self._batch, self._model["size"], self._model["width"], 3)
        off = np.float32(self._model["off"])

        def compute() -> None:
            faces = source[: int(np.prod(shape))].reshape(shape)
            for name, target in targets.items():
                answers = OUTPUTS[name](faces) + off
                target.view(np.float32)[: answers.size] = answers.ravel()

        cuda.enqueue(compute)
        return not self._trt._error

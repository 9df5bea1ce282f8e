"""Configurations as strangers may write them; no Keras is needed to refuse them."""

from typing import Any

import pytest

from training.safe.configs import DEEPEST, CodeError, ForeignError, check_config, without_training

CODE = ["4wEAAAAAAAAAAAAAAAEAAAADAAAA", None, None]


def _layer(name: Any, config: Any = None, **more: Any) -> dict[str, Any]:
    return {"class_name": name, "config": {} if config is None else config, **more}


def _sequential(*layers: Any) -> dict[str, Any]:
    return _layer("Sequential", {"name": "model", "layers": list(layers)})


PLAIN = _sequential(
    _layer("InputLayer", {"batch_shape": [None, 32, 32, 3]}),
    _layer("Rescaling", {"scale": 1 / 255}, module="keras.layers", registered_name=None),
    _layer("Conv2D", {"filters": 8, "activation": "relu", "kernel_initializer": _layer("GlorotUniform", {"seed": 10**12})}),
    _layer("TimeDistributed", {"layer": _layer("Dense", {"units": 4, "activation": _layer("LeakyReLU", {"alpha": 0.2})})}),
    _layer("TFOpLambda", {"function": "math.truediv"}),
    _layer("Dense", {"units": 1, "activation": _layer("function", "sigmoid", module="builtins", registered_name="function")}),
)


def test_plain_layers_are_let_through() -> None:
    check_config(PLAIN)


@pytest.mark.parametrize(
    "layer",
    [
        _layer("Lambda", {"function": CODE, "function_type": "lambda"}),
        _layer("TimeDistributed", {"layer": _layer("Lambda", {"function": CODE})}),
        _layer("Bidirectional", {"layer": _layer("RNN", {"cell": _layer("Lambda")}), "backward_layer": _layer("GRU")}),
        _sequential(_sequential(_layer("Lambda"))),
        _layer("Dense", {"units": 1, "activation": _layer("__lambda__", {"value": CODE})}),
        _layer("Dense", {"units": 1, "kernel_initializer": _layer("__lambda__", {"value": CODE})}),
        _layer("Activation", {"activation": _layer("Lambda")}),
    ],
)
def test_code_is_found_wherever_it_stands(layer: dict[str, Any]) -> None:
    with pytest.raises(CodeError, match="Lambda layers"):
        check_config(_sequential(layer))


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (_layer("Anything", module="this", registered_name="Anything"), "'Anything'"),
        (_layer("Dense", module="this"), "the module 'this'"),
        (_layer("Dense", module="keras.layers; import os"), "the module"),
        (_layer("Dense", module="kerasfoo.layers"), "the module 'kerasfoo.layers'"),
        (_layer("Dense", module=["os"]), "the module"),
        (_layer("Dense", module="keras.layers", registered_name="Custom>Other"), "'Custom>Other'"),
        (_layer("Dense", {"kernel_initializer": _layer("system", module="os")}), "'system'"),
        (_layer("Dense", {"kernel_regularizer": _layer("L2", module="evil")}), "the module 'evil'"),
        (_layer("Dense", {"kernel_constraint": _layer("Mine")}), "'Mine'"),
        (_layer("Dense", {"activation": "exec"}), "the activation 'exec'"),
        (_layer("Dense", {"activation": _layer("function", "system", module="os")}), "the function 'system'"),
        (_layer("Dense", {"activation": _layer("function", "relu", module="os", registered_name="relu")}), "the module 'os'"),
        (_layer("TFOpLambda", {"function": "io.write_file"}), "the function 'io.write_file'"),
        (_layer("TFOpLambda", {"function": "py_function"}), "the function 'py_function'"),
        (_layer("SlicingOpLambda", {"function": ["io.read_file"]}), "the function"),
        (_layer("TFOpLambda", "io.write_file"), "function None"),
        (_layer("TFSMLayer", {"filepath": "somewhere"}), "'TFSMLayer'"),
        (_layer("StringLookup", {"vocabulary": "/etc/passwd"}), "'StringLookup'"),
        (_layer("TextVectorization"), "'TextVectorization'"),
        (_layer("TorchModuleWrapper"), "'TorchModuleWrapper'"),
        (_layer("InstanceMethod"), "'InstanceMethod'"),
        (_layer("WhileLoop", module="keras.src.ops.core"), "'WhileLoop'"),
        (_layer("__typespec__", module="os", spec_name="system"), "'__typespec__'"),
        (_layer(None), "None"),
        (_layer({"class_name": "Dense"}), "class_name"),
        (_layer("D\x1b[31m"), r"'D\\x1b\[31m'"),
        (_layer("Dense", {"units": 10**12}), r"units of 1e\+12"),
        (_layer("Conv2D", {"kernel_size": [3, 10**9]}), "kernel_size of"),
    ],
)
def test_what_is_not_known_is_named(layer: dict[str, Any], named: str) -> None:
    with pytest.raises(ForeignError, match=named):
        check_config(_sequential(layer))


def test_a_configuration_is_not_followed_for_ever() -> None:
    deep: Any = _layer("Dense")
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ForeignError, match=f"{DEEPEST} levels"):
        check_config(deep)


def test_what_was_for_training_alone_is_left_out() -> None:
    nested = _layer("Dense", compile_config={"loss": _layer("MyLoss", module="mine")})
    config = _layer("Sequential", {"layers": [nested]}, compile_config={"optimizer": _layer("Adam")})
    with pytest.raises(ForeignError):
        check_config(config)
    check_config(without_training(config))

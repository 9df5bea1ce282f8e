"""The architectures this project trains, one module each; ``RECIPES`` is their table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from edgefake.errors import InputError
from edgefake.models.card_checks import MAP, SCORE

__all__ = ["RECIPES", "Recipe", "build", "recipe_named"]

MOMENTUM = 0.95


def _later(module: str, function: str, *settings: float) -> Callable[..., Any]:
    """``function(*arguments, *settings)`` of a module in here, which loads TensorFlow: not before it is called."""

    def call(*arguments: Any, **named: Any) -> Any:
        return getattr(import_module(f"training.recipes.{module}"), function)(*arguments, *settings, **named)

    return call


HEAD = _later("layers", "head")


@dataclass(frozen=True, slots=True)
class Recipe:
    """An architecture with the settings it is trained with when the command line says nothing else."""

    features: Callable[[Any], Any]
    """From the input, float (N, size, size, 3) scaled to [-1, 1), to the feature maps that the head takes."""
    size: int
    summary: str
    imagenet: Callable[[Any], None] | None = None
    """Loads ImageNet weights into a model of ``features``; None where Keras has none."""
    published: Callable[[Any, Any], None] | None = None
    """Loads arrays that others published, by their names, into a model of ``features``; None where none are known."""
    whole: Callable[[], Any] | None = None
    """Builds the network whose first layers, of the same names, are ``features``: its backbones are starts too."""
    batch: int = 64
    learning_rate: float = 1e-3
    augmentation: str = "standard"
    head: Callable[..., Any] = HEAD
    """From the feature maps, and ``outputs`` and ``folded`` as for ``build``, to the logits; of several outputs the first is the
    layer ``score``, one behind it a map of such logits, (N, h, w, K)."""


def _mobilenet_v2(alpha: float, summary: str) -> Recipe:
    return Recipe(_later("mobilenet_v2", "mobilenet_v2", alpha), 160, summary, imagenet=_later("mobilenet_v2", "imagenet", alpha))


RECIPES = {
    "cnn": Recipe(_later("cnn", "cnn"), 128, "five 3×3 convolutions with pooling, 0.6 M parameters"),
    "resnet18": Recipe(_later("resnet18", "resnet18"), 160, "ResNet-18, skip connections, 11 M parameters"),
    "resnet50": Recipe(
        _later("resnet50", "resnet50"),
        224,
        "ResNet-50, bottlenecks, 25 M parameters",
        _later("resnet50", "imagenet"),
        batch=32,
        learning_rate=1e-4,
    ),
    "xception": Recipe(
        _later("xception", "xception"),
        256,
        "Xception, separable convolutions, 22 M parameters",
        _later("xception", "imagenet"),
        batch=16,
        learning_rate=1e-4,
        augmentation="xception",
    ),
    "mobilenet_v2": _mobilenet_v2(1.0, "MobileNetV2 1.0, 2.9 M parameters"),
    "mobilenet_v2_050": _mobilenet_v2(0.5, "MobileNetV2 0.5, 1.4 M parameters"),
    "mobilenet_v2_035": _mobilenet_v2(0.35, "MobileNetV2 0.35, 1.1 M parameters"),
    "efficientnet_lite0": Recipe(
        _later("efficientnet_lite0", "efficientnet_lite0"),
        160,
        "EfficientNet-Lite0, 4.1 M parameters",
        published=_later("efficientnet_lite0", "published"),
    ),
    "lite0_local": Recipe(
        _later("local", "lite0_local"),
        160,
        "EfficientNet-Lite0 cut at stride 16, whose patches are judged one by one, 0.8 M parameters",
        published=_later("efficientnet_lite0", "published"),
        batch=32,
        learning_rate=3e-4,
        head=_later("local", "patch_head"),
    ),
    "mobilenet_v2_035_local": Recipe(
        _later("local", "mobilenet_local", 0.35),
        160,
        "MobileNetV2 0.35 cut at stride 16, whose patches are judged one by one, 0.1 M parameters",
        imagenet=_later("mobilenet_v2", "imagenet", 0.35),
        whole=_later("mobilenet_v2", "network", 0.35),
        batch=32,
        learning_rate=1e-3,
        head=_later("local", "patch_head"),
    ),
}


def recipe_named(name: str) -> Recipe:
    """The recipe called ``name``; ``InputError`` with near matches when there is none."""
    if name not in RECIPES:
        near = get_close_matches(name, RECIPES, n=3) or RECIPES
        raise InputError(f"unknown recipe {name!r}: choose {', '.join(near)}; python -m training zoo lists all")
    return RECIPES[name]


def build(name: str, size: int, *, outputs: int = 1, folded: bool = False) -> Any:
    """An untrained detector: float (N, size, size, 3) scaled to [-1, 1) in, ``outputs`` logits out; ``folded``: see ``head``.

    Raises ``InputError`` for an unknown recipe, one that needs larger faces, and one whose several outputs no card can name.
    """
    recipe = recipe_named(name)
    import tf_keras as keras  # the table above is read without it

    inputs = keras.Input((size, size, 3), name="face")
    try:
        features = recipe.features(inputs)
    except ValueError as error:
        raise InputError(f"{size} px are too small for {name}: give a larger --size") from error
    model = keras.Model(inputs, recipe.head(features, outputs=outputs, folded=folded), name=name)
    if len(model.outputs) > 1 and tuple(model.output_names) != (SCORE, MAP):
        given = ", ".join(model.output_names)
        raise InputError(f"expected the outputs {SCORE} and {MAP} of {name}, got {given}: call its last layers so")
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM  # Keras Applications' 0.99 and 0.999 suit runs of a hundred times the length
    return model

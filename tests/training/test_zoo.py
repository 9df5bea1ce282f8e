import json
from functools import cache
from typing import Any

import pytest

from edgefake.errors import InputError
from tests.small import ARCHITECTURES
from training.cli import main
from training.recipes import RECIPES, Recipe, build, recipe_named


def test_the_zoo_lists_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(RECIPES)
    assert main(["zoo", "--json"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {entry["recipe"]: entry["imagenet"] for entry in entries}["xception"] is True
    assert entries[0] == {
        "schema": 1,
        "recipe": "cnn",
        "size": 128,
        "summary": RECIPES["cnn"].summary,
        "batch": 64,
        "learning_rate": 0.001,
        "augmentation": "standard",
        "imagenet": False,
        "published": False,
    }
    assert {entry["recipe"] for entry in entries if entry["published"]} == {"efficientnet_lite0", "lite0_local"}


@cache
def _of_three_classes(name: str) -> Any:
    return build(name, 72, outputs=3)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_the_head_at_any_size_and_number_of_classes(name: str) -> None:
    if name.endswith("_local"):  # judges patches, real against fake
        model = build(name, 72)
        assert model.output_shape == [(None, 1), (None, 5, 5, 1)]
        assert [type(layer).__name__ for layer in model.layers[-3:]] == ["Dropout", "Conv2D", "GlobalAveragePooling2D"]
        return
    model = _of_three_classes(name)
    assert model.input_shape == (None, 72, 72, 3)
    assert model.output_shape == (None, 3)
    kinds = [type(layer).__name__ for layer in model.layers[-5:]]
    assert kinds == ["GlobalAveragePooling2D", "Dense", "BatchNormalization", "Dropout", "Dense"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layers_have_the_same_names_in_every_model(name: str) -> None:
    assert [layer.name for layer in build(name, 64).layers] == [layer.name for layer in _of_three_classes(name).layers]


def test_outputs_that_no_card_can_name_are_refused_when_the_model_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    import tf_keras as keras

    def head(x: Any, *, outputs: int, folded: bool) -> list[Any]:
        return [keras.layers.Conv2D(outputs, 1, name="map")(x), keras.layers.GlobalAveragePooling2D(name="score")(x)]

    monkeypatch.setitem(RECIPES, "turned", Recipe(lambda x: x, 32, "the map first", head=head))
    with pytest.raises(InputError, match=r"score .*map .*turned.*map, score"):
        build("turned", 32)


def test_an_unknown_recipe_gets_near_matches() -> None:
    with pytest.raises(InputError, match=r"unknown recipe 'resnet5': choose resnet50"):
        recipe_named("resnet5")

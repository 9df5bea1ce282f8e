"""Cards of older schemas, of face finders, and of detectors with a second output."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import pytest

from edgefake import CardError, EdgefakeError, ModelCard
from edgefake.models.card import DETECTOR_ONLY, Golden, Metrics, Scaling, Training
from edgefake.models.families import Family
from tests.edgefake.models.older import older

MakeCard = Callable[..., ModelCard]

OUTPUTS = tuple(f"{name}_{stride}" for stride in (8, 16, 32) for name in ("score", "box", "points"))
FINDER = ModelCard(
    name="edge",
    architecture="anchor-free, 64 channels",
    precision="int8",
    input_size=(192, 320),
    kind="face_finder",
    outputs=OUTPUTS,
    scaling=Scaling(128.0, 128.0),
    metrics=(Metrics("boxed test", {"pictures": 500, "faces": 1200}, {}),),
    training=Training("boxed photos", "CC BY 4.0", ("python -m training finder",), 0),
    golden=(Golden("aGk=", None, {name: (0.5, -1.0) for name in OUTPUTS}),),
    sample_tolerances=dict.fromkeys(OUTPUTS, 0.1),
)


def as_json(card: ModelCard, **changes: object) -> str:
    return json.dumps({**json.loads(card.to_json()), **changes})


def old(schema: int, make_card: MakeCard, **changes: Any) -> dict[str, Any]:
    """A card as an older version of edgefake wrote it."""
    golden = (Golden("aGk=", -1.5), Golden("aG8=", 2.0))
    metrics = (Metrics("some faces", {"real": 10, "fake": 12}, {}),)
    return older(make_card(golden=golden, golden_tolerance=0.1, metrics=metrics), schema) | changes


@pytest.mark.parametrize("schema", [1, 2, 3, 4])
def test_a_card_of_an_older_schema_is_one_of_todays(schema: int, make_card: MakeCard) -> None:
    card = ModelCard.from_json(json.dumps(old(schema, make_card)))
    assert (card.kind, card.outputs, card.numbers, card.schema) == ("detector", ("score",), 1, 5)
    assert card.crop_mode == "inside"
    assert card.metrics[0].counts == {"real": 10, "fake": 12} and card.metrics[0].size == "10 real and 12 fake"
    assert [vector.output for vector in card.golden] == [-1.5, 2.0] and card.sample_tolerances == {}
    assert card == make_card(golden=card.golden, metrics=card.metrics, golden_tolerance=0.1)


def test_the_first_class_of_schema_1_is_real_whatever_it_is_called(make_card: MakeCard) -> None:
    named = ModelCard.from_json(json.dumps(old(1, make_card, classes=["genuine", "face swap", "generated"])))
    assert named.classes == ("real", "face swap", "generated")


@pytest.mark.parametrize(
    ("schema", "key"), [(1, "payload_sha256"), (2, "payload_sha256"), (2, "classes"), (1, "golden"), (2, "metrics")]
)
def test_an_older_card_is_read_strictly_too(schema: int, key: str, make_card: MakeCard) -> None:
    value = old(schema, make_card)
    if schema == 2 or key != "payload_sha256":
        del value[key]
    else:
        value[key] = None  # schema 1 had none
    with pytest.raises(CardError, match=key):
        ModelCard.from_json(json.dumps(value))


@pytest.mark.parametrize("key", ["kind", "outputs", "sample_tolerances", "families", "crop_mode"])
def test_an_older_card_with_a_newer_key(key: str, make_card: MakeCard) -> None:
    with pytest.raises(CardError, match=key):
        ModelCard.from_json(json.dumps(old(2, make_card, **{key: json.loads(make_card().to_json())[key]})))


@pytest.mark.parametrize("schema", [1, 2, 3, 4])
def test_damaged_older_cards_are_refused_in_one_sentence(schema: int, make_card: MakeCard) -> None:
    """Any value of any key, at any depth, replaced by one of another type."""
    whole = old(schema, make_card)
    places = [(key,) for key in whole] + [("golden", 0), ("golden", 0, "png"), ("metrics", 0), ("metrics", 0, "figures")]
    for place in places:
        for bad in (None, 3, "x", [], {}, [3], [None], {"x": 1}, [[]], True, 1e400):
            value = json.loads(json.dumps(whole))
            inner = value
            for step in place[:-1]:
                inner = inner[step]
            inner[place[-1]] = bad
            try:
                ModelCard.from_json(json.dumps(value))
            except EdgefakeError as error:
                assert len(str(error)) < 600


def test_a_face_finders_card_survives_the_round_trip() -> None:
    text = FINDER.to_json()
    assert ModelCard.from_json(text) == FINDER
    assert not set(DETECTOR_ONLY) & json.loads(text).keys()
    assert {field.name for field in fields(ModelCard)} - set(DETECTOR_ONLY) == json.loads(text).keys()
    assert (FINDER.height, FINDER.width, FINDER.metrics[0].size) == (192, 320, "500 pictures and 1200 faces")


@pytest.mark.parametrize("key", DETECTOR_ONLY)
def test_a_face_finder_has_nothing_to_do_with_p_fake(key: str, make_card: MakeCard) -> None:
    measured = {"families": (Family("gan", "drawn", 0, 0, None, {}),), "bias": Metrics("drawn", {"real": 1}, {})}
    given = {
        "calibration": {"temperature": 2.0, "bias": 0.0},
        "classes": ["fake", "real"],
        "golden_tolerance": 0.1,
        "crop_mode": "reflect",
    }
    card = make_card(**given, **measured)
    with pytest.raises(CardError, match=f"{key}.*face_finder"):
        replace(FINDER, **{key: getattr(card, key)})
    with pytest.raises(CardError, match=f"unknown.*{key}"):
        ModelCard.from_json(as_json(FINDER, **{key: asdict(card)[key]}))


def test_a_face_finder_of_schema_4() -> None:
    assert ModelCard.from_json(as_json(FINDER, schema=4)) == FINDER


@pytest.mark.parametrize("key", ["crop_margin", "output", "thresholds"])
def test_a_detector_cannot_do_without(key: str, make_card: MakeCard) -> None:
    with pytest.raises(CardError, match=key):
        replace(make_card(), **{key: None})
    value = json.loads(make_card().to_json())
    del value[key]
    with pytest.raises(CardError, match=f"lacks {key}"):
        ModelCard.from_json(json.dumps(value))


def test_a_detector_card_made_without_what_it_needs() -> None:
    with pytest.raises(CardError, match="crop_margin"):
        ModelCard("n", "a", "int8", 224)


def test_a_square_pair_is_one_side(make_card: MakeCard) -> None:
    card = make_card(input_size=(224, 224))
    assert card.input_size == card.side == card.height == card.width == 224 and card == make_card(input_size=224)
    assert replace(FINDER, input_size=[np.int64(192), 320]) == FINDER


SAMPLES = FINDER.golden[0].samples
WRONG = [
    ({"kind": "finder"}, "kind.*detector.*face_finder.*'finder'"),
    ({"kind": None}, "kind.*detector.*face_finder.*None"),
    ({"input_size": (192, 320, 3)}, r"input_size.* 2 .*\(?\[?192, 320, 3"),
    ({"input_size": (192,)}, r"input_size.* 2 .*192"),
    ({"input_size": (192, 320.5)}, "input_size.*320.5"),
    ({"input_size": (192, 5000)}, "input_size.* 8…4096.* 5000"),
    ({"outputs": ()}, "outputs.*score_S"),
    ({"outputs": ("score",)}, r"outputs.*score_S.*\('score',\)"),
    ({"outputs": ("score_8", "score_8")}, "outputs.*score_S.*score_8.*score_8"),
    ({"outputs": OUTPUTS[:-1]}, "samples.*points_16"),
    ({"sample_tolerances": {}}, "sample_tolerances"),
    ({"sample_tolerances": dict.fromkeys(OUTPUTS, 9.0)}, "sample_tolerances.*'score_8'.* 0…4.* 9"),
    ({"golden": (Golden("aGk=", 1.0, SAMPLES),)}, "face_finder.* no output"),
    ({"golden": (Golden("aGk=", None, {**SAMPLES, "box_8": ()}),)}, "1…256"),
    ({"golden": (Golden("aGk=", None, {**SAMPLES, "box_8": (float("inf"),)}),)}, "samples.*'box_8'.*inf"),
    ({"golden": (Golden("aGk=", None, {"box_8": (1.0,)}),)}, "samples.*score_8.*box_8"),
    ({"metrics": (Metrics("d", {"faces": 1.5}, {}),)}, "counts.*'faces'.*1.5"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_value_of_a_face_finder(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError, match=message):
        replace(FINDER, **changes)
    plain = json.loads(json.dumps(changes, default=asdict))
    with pytest.raises(CardError, match=message) as caught:
        ModelCard.from_json(as_json(FINDER, **plain), source="a.tflite")
    assert "a.tflite" in str(caught.value)


def test_a_detector_may_have_a_map(make_card: MakeCard) -> None:
    golden = (Golden("aGk=", -1.5, {"map": (0.5, -1.0)}),)
    card = make_card(outputs=["score", "map"], golden=golden, sample_tolerances={"map": 0.2})
    assert ModelCard.from_json(card.to_json()) == card and card.numbers == 1
    for outputs in (("map", "score"), ("map",), ("score", "score"), ("score", "map", "more"), ("Score",)):
        with pytest.raises(CardError, match=r"outputs.*score.*map"):
            make_card(outputs=outputs)
    with pytest.raises(CardError, match="square"):
        make_card(input_size=(16, 32))
    with pytest.raises(CardError, match=r"golden.*detector.* output"):
        make_card(golden=(Golden("aGk=", None),))
    with pytest.raises(CardError, match=r"golden.*samples.*map"):
        make_card(golden=(Golden("aGk=", 0.5, {"map": (1.0,)}),))

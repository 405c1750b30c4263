"""Request data: what leaves is JSON of plain values, built anew, with fewer numbers than geometry has."""

from __future__ import annotations

import json
from collections import OrderedDict
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
import pytest

from facegate.errors import SharingError
from facegate.memory.arena import LAYOUT
from facegate.sharing.data import ALL_NUMBERS, LIST_NUMBERS, MOST_BYTES, to_json


class Word(StrEnum):
    """Text of a kind of its own."""

    SOFT = "soft"


class Number(IntEnum):
    """A number of a kind of its own."""

    ONE = 1


class Named(str):
    """Text that can hold something."""

    __slots__ = ("held",)


SETTINGS = {
    "prompt": "a portrait, (smile:1.2), 8k",
    "size": [1024, 1024],
    "seed": 2**53,
    "guidance": 7.5,
    "options": {"tiled": True, "negative": None, "steps": (20, 30)},
    "größe": "ü",
}


@pytest.mark.parametrize("value", [SETTINGS, "a prompt", 3, 0.5, True, None, [], {}, [[["x"]]]])
def test_plain_values_leave_as_they_are(value: Any) -> None:
    left = to_json(value, "r")
    assert json.loads(left) == json.loads(json.dumps(value))
    assert type(left) is bytes


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        bytearray(b"x"),
        memoryview(b"x"),
        np.float64(1.0),
        np.int64(1),
        np.ones(2),
        np.str_("x"),
        {1, 2},
        object(),
        OrderedDict(a=1),
        Word.SOFT,
        Number.ONE,
        Named("x"),
        {"a": (1, Named("x"))},
        {1: "x"},
        {Named("x"): 1},
        1j,
        len,
    ],
)
def test_nothing_else_leaves(value: Any) -> None:
    with pytest.raises(SharingError) as caught:
        to_json({"a": [value]}, "r")
    assert caught.value.request_id == "r"
    with pytest.raises(SharingError):
        to_json(value, "r")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, -(2**64), "\ud800", {"\udfff": 1}])
def test_what_json_has_no_one_word_for_is_refused(value: Any) -> None:
    with pytest.raises(SharingError):
        to_json(value, "r")


@pytest.mark.parametrize("name", [name for name, product in LAYOUT.items() if np.prod(product.shape) > 4])
@pytest.mark.parametrize(
    "form",
    [
        lambda shown: shown.tolist(),
        lambda shown: shown.ravel().tolist(),
        lambda shown: [{"x": value} for value in shown.ravel().tolist()],
        lambda shown: [str(value) for value in shown.ravel().tolist()],
        lambda shown: {"a": [[value] for value in shown.ravel().tolist()]},
    ],
)
def test_copies_of_geometry_are_refused_in_every_list(name: str, form: Any) -> None:
    rng = np.random.default_rng(0)
    product = LAYOUT[name]
    shape = (10, *product.shape[1:]) if product.per_face else product.shape
    with pytest.raises(SharingError, match="at most"):
        to_json(form(rng.random(shape, np.float32)), "r")


@pytest.mark.parametrize("name", ["landmarks", "embedding", "points_68", "points_106", "blendshapes", "identity"])
def test_and_the_larger_ones_wherever_they_are(name: str) -> None:
    values = np.random.default_rng(0).random(LAYOUT[name].shape, np.float32).ravel().tolist()
    for form in (
        {str(place) + "-": value for place, value in enumerate(values)},
        {f"a{place}": values[place : place + 3] for place in range(0, len(values), 3)},
        json.dumps(values),
        [json.dumps(values[place : place + 5]) for place in range(0, len(values), 5)],
    ):
        with pytest.raises(SharingError, match="at most"):
            to_json(form, "r")


def test_the_bounds_are_where_they_are_said_to_be() -> None:
    assert LIST_NUMBERS < 10, "five points of two"
    assert LAYOUT["blendshapes"].shape[0] > ALL_NUMBERS, "the smallest of the larger sets"
    to_json([1.5] * LIST_NUMBERS, "r")
    to_json([[1.5] * (LIST_NUMBERS - 1), {"a": 1.5}], "r")
    for value in ([1.5] * (LIST_NUMBERS + 1), [[1.5] * LIST_NUMBERS, {"a": 1.5}]):
        with pytest.raises(SharingError, match=f"A list of request-data, .* at most {LIST_NUMBERS} numbers"):
            to_json(value, "r")
    to_json({f"k{i}": i for i in range(ALL_NUMBERS)}, "r")
    to_json({"a": [1] * LIST_NUMBERS, "b": [1] * LIST_NUMBERS}, "r")
    with pytest.raises(SharingError, match=f"at most {ALL_NUMBERS} numbers"):
        to_json({f"k{i}": i for i in range(ALL_NUMBERS + 1)}, "r")
    to_json("x" * (MOST_BYTES - 2), "r")
    with pytest.raises(SharingError, match=f"at most {MOST_BYTES} bytes"):
        to_json("x" * (MOST_BYTES - 1), "r")


def test_a_structure_that_holds_itself_is_told_in_one_sentence() -> None:
    circle: dict[str, Any] = {}
    circle["a"] = [circle]
    with pytest.raises(SharingError, match="contains itself") as caught:
        to_json(circle, "r")
    assert "\n" not in caught.value.reason
    shared = ["x"]
    assert json.loads(to_json([shared, shared], "r")) == [["x"], ["x"]], "twice is no circle"


def test_depth_and_breadth_end_in_a_sentence() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SharingError, match="nested at most"):
        to_json(deep, "r")
    while isinstance(deep, list):
        (deep,) = deep
    bomb: Any = ["x"] * 8
    for _ in range(14):
        bomb = [bomb] * 8
    with pytest.raises(SharingError, match="at most 4096 values"):
        to_json(bomb, "r")


def test_what_left_is_not_what_the_caller_changes_later() -> None:
    value: dict[str, Any] = {"a": [1]}
    left = to_json(value, "r")
    value["a"].append(2)
    assert left == b'{"a": [1]}'

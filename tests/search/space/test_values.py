"""Values that a user types: lists, ranges, and a sentence for what they cannot be."""

from __future__ import annotations

import re
from typing import Any

import pytest

from data_prep.errors import InputError
from search.space.values import Values, named_values, read_values, show_values, texts_of
from trainables.hyperparameters import Range


@pytest.mark.parametrize(
    ("word", "given", "values"),
    [
        ("lr", "0.03,0.01,0.003", (0.03, 0.01, 0.003)),
        ("lr", [0.03, 0.01], (0.03, 0.01)),
        ("lr", [1], (1.0,)),
        ("lr", "1e-4..1e-1:log", Range(1e-4, 0.1, log=True)),
        ("lr", "1e-4..1e-1:log:4", (0.0001, 0.001, 0.01, 0.1)),
        ("dropout", "0..0.5:3", (0.0, 0.25, 0.5)),
        ("batch_size", "8..64:log", Range(8, 64, log=True, whole=True)),
        ("batch_size", "8..64:log:4", (8, 16, 32, 64)),
        ("neurons", "none,64,256/64", ((), (64,), (256, 64))),
        ("neurons", [[256, 64], "none"], ((256, 64), ())),
        ("schedule", "cosine,step", ("cosine", "step")),
        ("nesterov", [True, False], (True, False)),
    ],
)
def test_values_are_read(word: str, given: object, values: Values) -> None:
    assert read_values(word, given) == values
    assert read_values(word, show_values(values)) == values


@pytest.mark.parametrize(
    ("word", "given", "said"),
    [
        ("lrr", "0.1", "a hyperparameter to vary is one of backbone, .*, received 'lrr'; did you mean lr?"),
        ("learning_rate", "0.1", "received 'learning_rate'; did you mean lr?"),
        ("lr", "0.1,0.1", "lr has the value 0.1 twice; leave one out"),
        ("lr", "0.1,a", "lr takes numbers: must be a number, received 'a'"),
        ("lr", "-0.1", "learning_rate must be a positive number, received -0.1"),
        ("lr", "0.1,", "lr needs values between the commas, received '0.1,'"),
        ("batch_size", "1.5", "batch_size takes whole numbers: must be a whole number, received '1.5'"),
        ("schedule", "cosin", "received 'cosin'; did you mean cosine?"),
        ("backbone", "resnet50v2", "received 'resnet50v2'; did you mean resnet50_v2"),
        ("lr", "0.1..0.01", "a range goes up, received '0.1..0.01' of lr"),
        ("dropout", "0..0.5:log", "a range goes up from above 0, received '0..0.5:log' of dropout"),
        ("dropout", "0..0.5:1", "a range is LOW..HIGH, with :log or a number of values from 2 behind it"),
        ("dropout", "0..1.5", "dropout must lie in [0, 1), received 1.5"),
        ("dropout", "0,0.1..0.5", "dropout takes values or one range, received '0.1..0.5' among others"),
        ("schedule", "a..b", "schedule has no range, received 'a..b'; list its values"),
    ],
)
def test_values_that_cannot_be_are_refused(word: str, given: object, said: str) -> None:
    with pytest.raises(InputError, match=said if ".*" in said else re.escape(said)):
        read_values(word, given)


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("0.03,0.01", ("0.03,0.01",)),
        ([0.03, 0.01], ("0.03,0.01",)),
        (["cosine", "step"], ("cosine,step",)),
        (["lr=0.1,0.2", "batch_size=8"], ("lr=0.1,0.2", "batch_size=8")),
        ({"lr": [0.1, 0.2], "dropout": "0..0.5"}, ("lr=0.1,0.2", "dropout=0.0..0.5")),
    ],
)
def test_texts_of_what_is_given(given: Any, texts: tuple[str, ...]) -> None:
    assert texts_of(given) == texts


def test_hyperparameter_that_is_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"^lr has values 2 times; give all of them once$"):
        texts_of(["lr=0.1", "lr=0.2"])


def test_values_without_a_name_are_those_of_the_stage() -> None:
    assert named_values(["0.1,0.2"], "lr") == {"lr": (0.1, 0.2)}
    with pytest.raises(InputError, match=r"^--values 0.1,0.2 does not say of what; write lr=0.1,0.2, for"):
        named_values(["0.1,0.2"], None)

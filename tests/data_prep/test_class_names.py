"""What classes may be called, how they are typed, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from data_prep.class_names import (
    are_genders,
    labels_among,
    listed,
    numbered,
    printable,
    same_classes,
    shown_name,
    typed_class_names,
)
from data_prep.errors import InputError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cat,dog", ("cat", "dog")),
        ("dog,cat,owl", ("dog", "cat", "owl")),
        ("cat, dog", ("cat", "dog")),
        ('" a b ","c, d"', (" a b ", "c, d")),
        ('"say ""no""",🐇', ('say "no"', "🐇")),
    ],
)
def test_typed_class_names(text: str, names: tuple[str, ...]) -> None:
    assert typed_class_names(text) == names
    assert typed_class_names(listed(names)) == names  # as it is shown it can be typed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cat", "2 to 1,000 classes .* received 1: 'cat'"),
        ("cat,", "received 2: 'cat', ''"),
        ("cat,cat", "received 2: 'cat', 'cat'"),
        ("cat," + 256 * "x", "at most 255 letters, received 'x+…x+' of 256; shorten it"),
        ('cat,"dog', "separated by commas, .* received 'cat,\"dog'"),
    ],
)
def test_typed_class_names_refuses(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        typed_class_names(text)


@pytest.mark.parametrize(
    ("names", "others", "same"),
    [
        (("cat", "dog"), ("cat", "dog"), True),
        (("cat", "dog"), ("dog", "cat"), False),
        (("cat", "dog"), ("Cat", "Dog"), False),
        (("female", "male"), ("Woman", "Man"), True),
        (("female", "male"), ("man", "woman"), False),
        (("f", "m"), ("women", "men"), True),
        (("female", "man"), ("female", "male"), False),
        (("0", "1"), ("female", "male"), False),
    ],
)
def test_same_classes(names: Sequence[str], others: Sequence[str], same: bool) -> None:
    assert same_classes(names, others) is same


@pytest.mark.parametrize(
    ("names", "genders"),
    [(("Man", "Woman"), True), (("female", "male"), True), (("female", "cat"), False), (("m", "f"), True)],
)
def test_are_genders(names: Sequence[str], genders: bool) -> None:
    assert are_genders(names) is genders


@pytest.mark.parametrize(
    ("names", "others", "labels"),
    [
        (("dog", "cat"), ("cat", "dog"), [1, 0]),
        (("dog", "cat"), ("cat", "cow", "dog"), [2, 0]),
        (("man", "woman"), ("female", "male"), [1, 0]),
    ],
)
def test_labels_among(names: Sequence[str], others: Sequence[str], labels: list[int]) -> None:
    assert labels_among(names, others) == labels


def test_labels_among_refuses_a_class_that_is_not_there() -> None:
    with pytest.raises(InputError, match="the model knows the classes cat, dog, the data has owl, too; give"):
        labels_among(("cat", "owl"), ("cat", "dog"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat", "cat"),
        ("a\nb\x1b[31mc", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31mc"),
        ("🐇", "🐇"),
        ("x" * 30 + "y" * 30, "x" * 20 + "…" + "y" * 19),
    ],
)
def test_names_are_shown_on_a_short_line(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_printable_keeps_what_can_be_printed() -> None:
    assert printable("ä b\udcff") == "ä b\N{REPLACEMENT CHARACTER}"


def test_numbered_and_listed() -> None:
    assert numbered(("cat", "dog")) == ["0 (cat)", "1 (dog)"]
    assert listed(("cat", "a, b", "dog")) == 'cat, "a, b", dog'
    assert listed([f"k{number}" for number in range(40)]) == "k0, k1, k2, k3, k4 and 35 more"

"""Digests: equal values have equal names, whatever their order."""

from __future__ import annotations

from data_prep.digests import DIGEST_LENGTH, digest_of_values


def test_digest_does_not_depend_on_the_order_of_names() -> None:
    assert digest_of_values({"a": 1, "b": [2.5]}) == digest_of_values({"b": [2.5], "a": 1})


def test_digest_has_as_many_digits_as_asked_for() -> None:
    assert len(digest_of_values({})) == DIGEST_LENGTH
    assert digest_of_values({}, 16) == digest_of_values({})[:16]

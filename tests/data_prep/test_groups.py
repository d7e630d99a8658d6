"""Groups in words."""

from __future__ import annotations

import pytest

from data_prep.groups import group_nouns


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("user", ("user", "users")),
        ("identity", ("identity", "identities")),
        ("column person", ("person", "people")),
        ("column Patient_ID", ("patient", "patients")),
        ("column shoot 3", ("group", "groups")),
        ("column id", ("group", "groups")),
        ("pattern", ("group", "groups")),
        ("", ("group", "groups")),
    ],
)
def test_groups_have_the_word_of_their_kind(kind: str, words: tuple[str, str]) -> None:
    assert group_nouns(kind) == words

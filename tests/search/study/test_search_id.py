"""Identities of searches: made in code, stored as text, read back as they were."""

from __future__ import annotations

import re

import pytest

from search.study.search_id import SearchId, SearchKind


@pytest.mark.parametrize(
    ("search", "text", "stage"),
    [
        (SearchId(SearchKind.STAGE, "batch_size"), "stage batch_size", "batch_size"),
        (SearchId(SearchKind.JOINT, "tpe"), "joint tpe", "joint"),
        (SearchId(SearchKind.HELD_OUT), "held-out data", "held-out-data"),
        (SearchId(SearchKind.PRETRAINING), "pretraining", "pretraining"),
        (SearchId(SearchKind.FINETUNE), "finetune", "finetune"),
        (SearchId(SearchKind.WEIGHTS), "weights", "weights"),
    ],
)
def test_search_has_a_text_that_is_read_back_and_a_stage(search: SearchId, text: str, stage: str) -> None:
    assert str(search) == text
    assert SearchId.parse(text) == search
    assert search.stage == stage


@pytest.mark.parametrize("text", ["", "stages", "race lr"])
def test_parse_refuses_what_is_no_search(text: str) -> None:
    kinds = "stage, joint, held-out data, groups apart, pretraining, finetune, weights"
    with pytest.raises(ValueError, match=re.escape(f"a search is of a kind ({kinds}), received {text!r}")):
        SearchId.parse(text)

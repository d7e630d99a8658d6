"""For tests of the indices: a few trials are as many as make an index worth its while."""

from __future__ import annotations

import pytest

from search.study.index import whole_trials


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_trials, "MANY", 3)

"""For all tests: what one of them changes outside itself, the others do not see."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("RAY_worker_niceness", "0")  # else the tests beside it would starve Ray's workers


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Puts the environment back; a search sets Ray's part of it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)

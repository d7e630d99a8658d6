"""Memory that all threads share while they decode."""

from __future__ import annotations

import threading

import pytest

from data_prep.pictures import decoder
from data_prep.pictures.memory import Budget, memory_bytes
from data_prep.pictures.refusals import OVER_MEMORY, PictureError
from tests.pictures import blobs, encoded


def test_second_holder_waits_until_there_is_room() -> None:
    budget, entered = Budget(100), threading.Event()

    def hold() -> None:
        with budget.holding(60):
            entered.set()

    with budget.holding(60):
        other = threading.Thread(target=hold)
        other.start()
        assert not entered.wait(0.05)
        with budget.holding(40):  # what fits goes on
            pass
    assert entered.wait(5)
    other.join()


def test_more_than_all_of_it_is_held_alone() -> None:
    budget = Budget(100)
    with budget.holding(10**9):
        pass
    with budget.holding(100):
        pass


def test_memory_is_that_of_the_machine_or_less() -> None:
    assert 2**27 < memory_bytes() < 2**50


def test_picture_that_declares_more_than_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "MEMORY", 2**20)
    content = encoded(blobs((400, 300)))
    refused = pytest.raises(PictureError, match="declares 400 x 300 pixels, for which 1 MiB are too little")
    with refused as told, decoder.decoded(content, "a"):
        pass
    assert told.value.reason == OVER_MEMORY

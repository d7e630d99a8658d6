"""A pack in a worker whose memory runs out: it is trained in halves, and every member ends once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from trainables import pack_worker
from trainables.features.inputs import rows_read_by
from trainables.objective import OBJECTIVE
from trainables.trial import EpochMetrics, TrialConfig
from trainables.worker import EPOCHS, PACK, PREDICTIONS, STATUS


class Packed:
    """Stands in for `PackedTraining`, two epochs; more than `fit` members have no room in epoch `full`."""

    fit, full = 2, 1

    def __init__(self, configs: Sequence[TrialConfig], examples: Any, *, objective: Any) -> None:
        self.configs, self.objective = configs, objective
        self.finished: list[list[EpochMetrics]] = [[] for _ in configs]

    def epochs(self) -> Iterator[list[EpochMetrics]]:
        for epoch in (1, 2):
            if len(self.configs) > self.fit and epoch == self.full:
                raise ValueError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 2.0GiB.")
            figures = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.5, "val_accuracy": 0.8}
            metrics = EpochMetrics(epoch=epoch, learning_rate=0.001, seconds=1.0, **figures)
            entries = [metrics for _ in self.configs]
            for finished, metrics in zip(self.finished, entries, strict=True):
                finished.append(metrics)
            yield entries

    def is_over(self, member: int) -> bool:
        return len(self.finished[member]) == 2

    def stop(self, member: int) -> None:
        pass

    def validation_probabilities(self) -> list[float]:
        return [config.learning_rate for config in self.configs]


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(pack_worker.tune, "report", heard.append)
    monkeypatch.setattr(pack_worker, "prepare", lambda data: None)
    monkeypatch.setitem(sys.modules, "trainables.training.packed", SimpleNamespace(PackedTraining=Packed))
    return heard


def train(members: int) -> None:
    rates = [0.1 / (number + 1) for number in range(members)]
    pack = [
        {"key": str(rate), "config": TrialConfig(learning_rate=rate, epochs=2).to_dict(), "split": "random"}
        for rate in rates
    ]
    pack_worker.train_pack({"pack": pack}, data_of(lambda *_: None))


def data_of(examples: Callable[[str, str], Any]) -> Any:
    return SimpleNamespace(objective=OBJECTIVE, early_stopping=None, examples=examples)


@pytest.mark.parametrize("full", [1, 2], ids=["at once", "after an epoch"])
def test_pack_without_room_is_trained_in_halves(
    reports: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, full: int
) -> None:
    monkeypatch.setattr(Packed, "full", full)
    train(5)
    ends = [
        (number, report[PREDICTIONS], len(report[EPOCHS]))
        for each in reports
        for number, report in enumerate(each[PACK])
        if report and STATUS in report
    ]
    assert sorted(ends) == [(number, 0.1 / (number + 1), 2) for number in range(5)]
    assert [each["done"] for each in reports] == [False] * (len(reports) - 1) + [True]


def test_member_that_has_no_room_alone_is_an_error(
    reports: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Packed, "fit", 0)
    with pytest.raises(ValueError, match="RESOURCE_EXHAUSTED"):
        train(2)
    assert reports == []


def test_pack_reads_the_rows_of_its_configurations(reports: list[dict[str, Any]]) -> None:
    config = TrialConfig(backbone="keras:MobileNetV2", input_px=96, pooling="max", epochs=2)
    asked: list[tuple[str, str]] = []
    member = {"key": "a", "config": config.to_dict(), "split": "random"}
    pack_worker.train_pack({"pack": [member]}, data_of(lambda *names: asked.append(names)))
    assert asked == [(rows_read_by(config), "random")]
    assert rows_read_by(config) != config.backbone


def test_other_errors_are_not_taken_for_a_lack_of_memory(reports: list[dict[str, Any]]) -> None:
    assert not pack_worker.is_out_of_memory(ValueError("shapes differ"))
    assert pack_worker.is_out_of_memory(MemoryError())

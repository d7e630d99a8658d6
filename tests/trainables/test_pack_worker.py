"""A pack in a worker whose memory runs out: it is trained in halves, and every member ends once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from trainables import pack_worker
from trainables.backends import Gpu
from trainables.features.inputs import rows_read_by
from trainables.objective import OBJECTIVE
from trainables.training import devices
from trainables.training.packed import checkpoint, pack_size
from trainables.training.state_file import read_state, write_state
from trainables.trial import EpochMetrics, TrialConfig
from trainables.worker import ENDED, EPOCH, EPOCHS, PACK, PREDICTIONS, STATUS

METRICS = EpochMetrics(
    epoch=1, learning_rate=0.001, seconds=1.0, loss=0.5, accuracy=0.8, val_loss=0.5, val_accuracy=0.8
)


class Packed:
    """Stands in for `PackedTraining`, two epochs; more than `fit` members have no room in epoch `full`."""

    fit, full = 2, 1
    dies_after = 9  # epochs
    trained: ClassVar[list[int]] = []  # how many members each pack had to train

    def __init__(self, configs: Sequence[TrialConfig], examples: Any, *, objective: Any) -> None:
        self.configs, self.objective = configs, objective
        self.finished: list[list[EpochMetrics]] = [[] for _ in configs]
        self.stopped: set[int] = set()
        self.begins_with = 0

    def epochs(self) -> Iterator[list[EpochMetrics]]:
        type(self).trained.append(len(self.configs) - len(self.stopped))
        for epoch in range(self.begins_with + 1, 3):
            if len(self.configs) > self.fit and epoch == self.full:
                raise ValueError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 2.0GiB.")
            entries: list[EpochMetrics | None] = [None for _ in self.configs]
            for member, finished in enumerate(self.finished):
                if member not in self.stopped:
                    entries[member] = replace(METRICS, epoch=epoch)
                    finished.append(replace(METRICS, epoch=epoch))
            yield entries
            if epoch == self.dies_after:
                raise ConnectionError("the machine is gone")

    def is_over(self, member: int) -> bool:
        return len(self.finished[member]) == 2

    def stop(self, member: int) -> None:
        self.stopped.add(member)

    @property
    def goes_on(self) -> bool:
        return any(len(finished) < 2 for finished in self.finished)

    def save(self, path: Path, **facts: Any) -> None:
        write_state(path, {**facts, "epochs": max(map(len, self.finished))}, [])

    def restore(self, path: Path) -> None:
        self.begins_with = int(read_state(path)[0]["epochs"])
        self.finished = [[METRICS] * self.begins_with for _ in self.configs]

    def validation_probabilities(self) -> list[float]:
        return [config.learning_rate for config in self.configs]


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(Packed, "trained", [])
    monkeypatch.setattr(pack_worker.tune, "report", heard.append)
    monkeypatch.setattr(pack_worker, "prepare", lambda data, backend: None)
    monkeypatch.setattr(pack_worker, "PackedTraining", Packed)
    return heard


@pytest.fixture
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a pack kept after every epoch, as one whose epochs take minutes is."""
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)


def pack_of(members: int) -> list[dict[str, Any]]:
    rates = [0.1 / (number + 1) for number in range(members)]
    return [
        {"key": str(rate), "config": TrialConfig(learning_rate=rate, epochs=2).to_dict(), "split": "random"}
        for rate in rates
    ]


def train(members: int) -> None:
    pack_worker.train_pack({"pack": pack_of(members)}, data_of(lambda *_: None))


def data_of(examples: Callable[[str, str], Any], checkpoints: Path = Path("nowhere")) -> Any:
    return SimpleNamespace(
        keras_backend="jax",
        objective=OBJECTIVE,
        early_stopping=None,
        fits_packs=False,
        examples=examples,
        checkpoints=checkpoints,
        rows=lambda name: np.zeros((12_000, 2048), np.float32),
        classes=2,
    )


def ends_of(reports: Sequence[dict[str, Any]]) -> list[int]:
    """Returns the numbers of the members that ended, in the order in which they did."""
    return [
        number for each in reports for number, of_one in enumerate(each[PACK]) if of_one and STATUS in of_one
    ]


def test_pack_that_was_cut_for_a_larger_gpu_is_trained_in_parts(
    reports: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_of(lambda *_: None)
    room = pack_size(TrialConfig(), 2048, 330e6, rows=12_000)
    assert room == 3
    monkeypatch.setattr(Packed, "fit", 9)
    monkeypatch.setattr(devices, "gpus_seen", lambda: (Gpu("T4", int(330e6)),))
    for data.fits_packs, sizes in ((True, [3, 3, 2]), (False, [8])):
        Packed.trained.clear()
        reports.clear()
        pack_worker.train_pack({"pack": pack_of(8)}, data)
        assert (Packed.trained, ends_of(reports)) == (sizes, list(range(8)))
        assert [each["done"] for each in reports] == [False] * (len(reports) - 1) + [True]


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


def test_pack_whose_worker_died_continues_after_the_epoch_that_was_kept(
    reports: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, every_epoch: None
) -> None:
    data = data_of(lambda *_: None, tmp_path)
    monkeypatch.setattr(Packed, "dies_after", 1)
    with pytest.raises(ConnectionError):
        pack_worker.train_pack({"pack": pack_of(2)}, data)
    monkeypatch.setattr(Packed, "dies_after", 9)
    pack_worker.train_pack({"pack": pack_of(2)}, data)
    assert [[each[EPOCH]["epoch"] for each in report[PACK]] for report in reports] == [[1, 1], [2, 2]]
    assert ends_of(reports) == [0, 1]


def test_halves_are_kept_as_halves(
    reports: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, every_epoch: None
) -> None:
    data = data_of(lambda *_: None, tmp_path)
    monkeypatch.setattr(Packed, "dies_after", 1)
    with pytest.raises(ConnectionError):
        pack_worker.train_pack({"pack": pack_of(4)}, data)
    monkeypatch.setattr(Packed, "dies_after", 9)
    pack_worker.train_pack({"pack": pack_of(4)}, data)
    assert Packed.trained == [4, 2, 2, 2]  # too many, a half that dies, that half again, the other one
    assert ends_of(reports) == [0, 1, 2, 3]
    assert [each["done"] for each in reports] == [False] * (len(reports) - 1) + [True]


def test_member_that_the_driver_has_is_not_trained_again(
    reports: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = pack_of(3)
    pack[1][ENDED] = True
    pack_worker.train_pack({"pack": pack}, data_of(lambda *_: None))
    assert (Packed.trained, ends_of(reports)) == ([2], [0, 2])
    assert reports[-1]["done"]


def test_member_that_ended_since_the_pack_was_kept_is_stopped(
    reports: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, every_epoch: None
) -> None:
    data, pack = data_of(lambda *_: None, tmp_path), pack_of(2)
    monkeypatch.setattr(Packed, "dies_after", 1)
    with pytest.raises(ConnectionError):
        pack_worker.train_pack({"pack": pack}, data)
    monkeypatch.setattr(Packed, "dies_after", 9)
    pack[0][ENDED] = True
    pack_worker.train_pack({"pack": pack}, data)
    assert (Packed.trained, ends_of(reports)) == ([2, 1], [1])


def test_damaged_checkpoint_begins_anew_and_says_so(reports: list[dict[str, Any]], tmp_path: Path) -> None:
    folder = checkpoint.folder_of(tmp_path, [member["key"] for member in pack_of(2)])
    folder.mkdir()
    (folder / checkpoint.STATE).write_bytes(b"half")
    with pytest.warns(UserWarning, match="the pack starts anew, without its checkpoint .*pack-"):
        pack_worker.train_pack({"pack": pack_of(2)}, data_of(lambda *_: None, tmp_path))
    assert ends_of(reports) == [0, 1]

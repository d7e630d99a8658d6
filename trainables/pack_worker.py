"""The adapter between packs of heads and Ray: what runs in a worker process for several trials at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import ray
from ray import tune

from trainables.features.inputs import rows_read_by
from trainables.trial import EpochMetrics, TrialConfig, TrialStatus
from trainables.versions import maker_of_a_trial
from trainables.worker import (
    EPOCH,
    EPOCHS,
    MADE_BY,
    PACK,
    PREDICTIONS,
    REASON,
    SECONDS,
    STATUS,
    STOPPED_EARLY,
    WorkerData,
    prepare,
    running_figures,
)

if TYPE_CHECKING:
    from trainables.training.packed import PackedTraining
    from trainables.training.training import DivergedError

    Entry = EpochMetrics | DivergedError | None


def train_pack(assignment: dict[str, Any], data: WorkerData) -> None:
    """Trains several heads of one shape as one program; see `trainables.training.packed`.

    `assignment`: `{"pack": [{"key": …, "config": …, "split": …}, …]}`, all on one split. Every report has
    under `PACK` what each of them would report by itself, None for one that has ended before. After each
    epoch `data.early_stopping`, where there is one, says which of them end. Where memory runs out, the pack
    is trained in halves, one after the other, from the start.
    """
    ours = assignment["pack"]
    prepare(data)
    ended: set[int] = set()

    def report(numbers: Sequence[int], of_some: Sequence[dict[str, Any] | None]) -> None:
        reports: list[dict[str, Any] | None] = [None] * len(ours)
        for number, each in zip(numbers, of_some, strict=True):
            reports[number] = each
        ended.update(number for number, each in enumerate(reports) if each and STATUS in each)
        metric = data.objective.metric  # Tune wants it
        best = max((each[metric] for each in of_some if each), key=data.objective.gain)
        tune.report({PACK: reports, metric: best, "done": len(ended) == len(ours)})

    parts = [list(range(len(ours)))]
    while parts:
        numbers = [number for number in parts.pop(0) if number not in ended]
        try:
            _train_together([ours[number] for number in numbers], data, partial(report, numbers))
        except Exception as error:
            if len(numbers) < 2 or not is_out_of_memory(error):
                raise
            print(f"memory ran out with {len(numbers)} heads in one program; they are trained in halves")
            middle = len(numbers) // 2
            parts[:0] = [numbers[:middle], numbers[middle:]]


def _train_together(
    ours: Sequence[Mapping[str, Any]],
    data: WorkerData,
    report: Callable[[Sequence[dict[str, Any] | None]], None],
) -> None:
    """Trains these members of a pack, and reports what each would by itself after each epoch."""
    from trainables.training.packed import PackedTraining

    configs = [TrialConfig.from_dict(member["config"]) for member in ours]
    started = time.perf_counter()
    examples = data.examples(rows_read_by(configs[0]), ours[0]["split"])
    pack = PackedTraining(configs, examples, objective=data.objective)
    # a member's share of the start, which the seconds of a trial by itself have in them, too
    built_s = (time.perf_counter() - started) / len(configs)
    made_by = {**maker_of_a_trial(), "packed": str(len(configs))}
    for entries in pack.epochs():
        stopped = _stopped(pack, entries, [member["key"] for member in ours], data)
        reports = [_member_report(pack, number, entries[number], stopped) for number in range(len(configs))]
        for number, each in enumerate(reports):
            if each and STATUS in each:
                each |= {SECONDS: built_s + _seconds(pack.finished[number]), MADE_BY: made_by}
                pack.stop(number)
        report(reports)


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether a device or the machine had no memory left, as JAX and Python say it."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def _stopped(
    pack: PackedTraining, entries: Sequence[Entry], keys: Sequence[str], data: WorkerData
) -> set[int]:
    """Returns which members of the pack are stopped early after this epoch."""
    # an actor says it: for Tune's own schedulers a pack is one trial, of which no member can end
    if data.early_stopping is None:
        return set()
    heard = {
        keys[number]: running_figures(pack.finished[number], pack.objective)
        for number, entry in enumerate(entries)
        if isinstance(entry, EpochMetrics)
    }
    stopped = ray.get(data.early_stopping.stopped.remote(heard))
    return {number for number, key in enumerate(keys) if key in stopped}


def _member_report(
    pack: PackedTraining, number: int, entry: Entry, stopped: set[int]
) -> dict[str, Any] | None:
    """Returns what the member would report by itself after an epoch, less its seconds."""
    if entry is None:
        return None
    figures, finished = running_figures(pack.finished[number], pack.objective), pack.finished[number]
    end: dict[str, Any] = {EPOCHS: [metrics.to_dict() for metrics in finished], REASON: "", PREDICTIONS: None}
    if not isinstance(entry, EpochMetrics):
        figures.pop(EPOCH, None)  # it was heard before
        return {**figures, **end, STATUS: TrialStatus.FAILED.value, REASON: str(entry)}
    if pack.is_over(number):
        end[PREDICTIONS] = pack.validation_probabilities()[number]
        return {**figures, **end, STATUS: TrialStatus.COMPLETED.value}
    if number in stopped:
        return {**figures, **end, STATUS: TrialStatus.STOPPED.value, REASON: STOPPED_EARLY}
    return figures


def _seconds(finished: Sequence[EpochMetrics]) -> float:
    return sum(metrics.seconds for metrics in finished)

"""The adapter between packs of heads and Ray: what runs in a worker process for several trials at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray import tune

from data_prep.storage.remote import drop
from trainables.features.inputs import rows_read_by
from trainables.training.packed import PackedTraining, pack_size
from trainables.training.packed.checkpoint import PackCheckpoint, folder_of
from trainables.trial import EpochMetrics, TrialConfig, TrialStatus
from trainables.versions import maker_of_a_trial
from trainables.worker import (
    ASIDE,
    ENDED,
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
    put_aside,
    running_figures,
)

if TYPE_CHECKING:
    from trainables.training.training import DivergedError

    Entry = EpochMetrics | DivergedError | None


def train_pack(assignment: dict[str, Any], data: WorkerData) -> None:
    """Trains several heads of one shape as one program; see `trainables.training.packed`.

    `assignment`: `{"pack": [{"key": …, "config": …, "split": …}, …]}`, all on one split; what "ended" marks
    is not trained again. Every report has under `PACK` what each of them would report by itself, None for one
    that has ended before. After each epoch `data.early_stopping`, where there is one, says which of them end.
    A pack whose worker died continues where it was kept. A pack that was cut for a larger GPU is trained in
    parts, one after the other; where memory runs out all the same, in halves, from the start.
    """
    if assignment.get(ASIDE):
        put_aside(data)
        return
    ours = assignment["pack"]
    prepare(data, data.keras_backend)  # heads
    ended = {number for number, member in enumerate(ours) if member.get(ENDED)}

    def report(numbers: Sequence[int], of_some: Sequence[dict[str, Any] | None]) -> None:
        reports: list[dict[str, Any] | None] = [None] * len(ours)
        for number, each in zip(numbers, of_some, strict=True):
            reports[number] = each
        ended.update(number for number, each in enumerate(reports) if each and STATUS in each)
        metric = data.objective.metric  # Tune wants it
        best = max((each[metric] for each in of_some if each), key=data.objective.gain)
        tune.report({PACK: reports, metric: best, "done": len(ended) == len(ours)})

    checkpoint = PackCheckpoint(data.checkpoints, [member["key"] for member in ours])
    left = [number for number in range(len(ours)) if number not in ended]
    parts = checkpoint.parts or _parts(left, TrialConfig.from_dict(ours[0]["config"]), data)
    while parts:
        numbers, checkpoint.parts = parts[0], parts
        try:
            _train_together([ours[number] for number in numbers], data, partial(report, numbers), checkpoint)
            parts = parts[1:]
        except Exception as error:
            left = [number for number in numbers if number not in ended]
            if len(left) < 2 or not is_out_of_memory(error):
                raise
            print(f"memory ran out with {len(left)} heads in one program; they are trained in halves")
            middle = len(left) // 2
            parts = [left[:middle], left[middle:], *parts[1:]]


def _train_together(
    ours: Sequence[Mapping[str, Any]],
    data: WorkerData,
    report: Callable[[Sequence[dict[str, Any] | None]], None],
    checkpoint: PackCheckpoint,
) -> None:
    """Trains these members of a pack, and reports what each would by itself after each epoch."""
    from trainables.training.devices import device_facts

    configs = [TrialConfig.from_dict(member["config"]) for member in ours]
    started = time.perf_counter()
    examples = data.examples(rows_read_by(configs[0]), ours[0]["split"])
    pack = PackedTraining(configs, examples, objective=data.objective)
    checkpoint.restore(pack)
    for number, member in enumerate(ours):
        if member.get(ENDED):
            pack.stop(number)
    # a member's share of the start, which the seconds of a trial by itself have in them, too
    built_s = (time.perf_counter() - started) / len(configs)
    made_by = {**maker_of_a_trial(device_facts()), "packed": str(len(configs))}
    for entries in pack.epochs():
        stopped = _stopped(pack, entries, [member["key"] for member in ours], data)
        reports = [_member_report(pack, number, entries[number], stopped) for number in range(len(configs))]
        for number, each in enumerate(reports):
            if each and STATUS in each:
                each |= {SECONDS: built_s + _seconds(pack.finished[number]), MADE_BY: made_by}
                pack.stop(number)
        report(reports)
        checkpoint.keep(pack)  # not before: going on from here, no worker reports what came earlier


def _parts(members: list[int], config: TrialConfig, data: WorkerData) -> list[list[int]]:
    """Returns the members, heads like `config`, in parts that have room on this process's GPU."""
    from trainables.training.devices import gpus_seen

    memory_bytes = min((gpu.memory_bytes for gpu in gpus_seen()), default=0) if data.fits_packs else 0
    if not memory_bytes:  # a pack that was asked for, or a GPU whose memory nobody knows
        return [members]
    rows, features = data.rows(rows_read_by(config)).shape
    size = pack_size(config, features, memory_bytes, classes=data.classes, rows=rows)
    return [members[first : first + size] for first in range(0, len(members), size)]


def drop_checkpoint(checkpoints: Path, keys: Iterable[str]) -> None:
    """Removes what was kept below `checkpoints` of the pack whose members have these keys."""
    drop(folder_of(checkpoints, keys))


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

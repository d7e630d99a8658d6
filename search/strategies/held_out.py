"""Held-out data: it is read once for a winner, and every reading is recorded, for the study and the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import fmean, stdev
from typing import Any

import numpy as np

from data_prep.errors import InputError
from data_prep.groups import group_nouns
from data_prep.readers import Reader, Readers, describe_readers
from data_prep.splits import Split
from search.statistics.baselines import Baseline, baselines_of
from search.statistics.group_bootstrap import interval_of_mean_share
from search.statistics.number_text import low_to_high
from search.strategies.trial_runs import Train, TrialRuns
from search.study.comparison import breakdown_of, group_numbers
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.snapshot import keep_readings, read_final, reading_of
from search.study.stage_results import Result
from trainables.answers import predicted_labels
from trainables.features.inputs import backbone_read_by
from trainables.trial import Trial, TrialStatus

BaselinesOn = Callable[[Sequence[str], Sequence[Split]], Sequence[Baseline]]
"""Gives the baselines on the features of backbones, read on the validation rows of splits."""


def require_held_out(problem: Problem) -> None:
    """Raises InputError where the protocol keeps no data out of the selection."""
    if not problem.final_splits:
        raise InputError(
            f"--final needs data that no selection saw, --split {problem.protocol} keeps none; "
            "use --split folds, kfold:K, or given where the data came with a part test"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Held-out rows of a problem, and what reads them for the study of `ledger`.

    Winners are trained by `train` and stand beside `baselines`; `readers` are those of all studies.
    """

    problem: Problem
    ledger: Ledger
    train: Train
    readers: Readers
    baselines: BaselinesOn = lambda *_: ()


def evaluate_winner(result: Result, held_out: HeldOut) -> dict[str, Any]:
    """Returns the reading for the winner of `result`, and keeps it in `final.json` and beside the cache.

    The winner is trained on all but the test part of each split, for all its epochs, and read at the last
    one. A winner that was read before is not read again. `accuracy` is the mean over the splits,
    `standard_error` that of this mean, and `interval` its 95 % interval, which takes the images of a group as
    correlated where groups are known; `interval_over` says of how many. `read_before` are those who read
    the data's held-out rows before, for any study. Raises InputError where a run did not complete.
    """
    problem, ledger = held_out.problem, held_out.ledger
    if result.winner is None:
        raise InputError(f"--final needs a winner, the stage {result.stage} has none; run it again")
    readings = read_final(ledger.folder)
    if known := reading_of(readings, result.winner.to_dict()):
        return dict(known)
    runs = [problem.trial(result.winner, split.name) for split in problem.final_splits]
    results = TrialRuns(ledger, held_out.train, problem).of(runs)
    failed = [
        run for run in runs if run.key not in results or results[run.key].status is not TrialStatus.COMPLETED
    ]
    if failed:
        raise InputError(
            f"{len(failed)} of the {len(runs)} final runs did not complete; run the same command again"
        )
    digest, before = problem.manifest.digest, held_out.readers.of(problem.manifest.digest)
    folds = {split.name: len(split.validation) for split in problem.final_splits}
    now = Reader.here(ledger.folder, datetime.now(UTC).isoformat(timespec="seconds"), folds)
    # first: if this breaks off now, a reading too many is better than one that nobody knows of
    held_out.readers.add(digest, now)
    accuracies = [results[run.key].epochs[-1].val_accuracy for run in runs]
    reading = {
        "read_at": now.read_at,
        "data_digest": digest,
        "stage": result.stage,
        "config": result.winner.to_dict(),
        "split": problem.protocol,
        "trials": [run.key for run in runs],
        "n": sum(folds.values()),
        "accuracies": dict(zip((run.split for run in runs), accuracies, strict=True)),
        "accuracy": fmean(accuracies),
        "standard_error": stdev(accuracies) / len(accuracies) ** 0.5 if len(accuracies) > 1 else None,
        **_interval(runs, problem, ledger),
        "breakdown": breakdown_of(runs, problem, ledger),
        "earlier_readings": len(readings),
        "read_before": [asdict(reader) for reader in before],
        "baselines": [
            asdict(each)
            for each in held_out.baselines([backbone_read_by(result.winner)], problem.final_splits)
        ],
    }
    keep_readings(ledger.folder, [*readings, reading])
    return reading


def _interval(runs: Sequence[Trial], problem: Problem, ledger: Ledger) -> dict[str, Any]:
    """Returns the interval of the mean over the splits, and what it is over: "1,203 people"."""
    # over all rows: a group in two folds is one
    group_of, parts, groups = group_numbers(problem, np.arange(len(problem.manifest))), [], set[int]()
    for run in runs:
        rows = problem.validation_rows[run.split]
        parts.append((predicted_labels(ledger.predictions(run)) == problem.labels[rows], group_of[rows]))
        groups |= set(group_of[rows].tolist())
    known = any(split.groups_known for split in problem.splits)
    noun = group_nouns(problem.manifest.group_kind)[1] if known else "images"
    return {"interval": list(interval_of_mean_share(parts)), "interval_over": f"{len(groups):,} {noun}"}


def describe_reading(reading: Mapping[str, Any]) -> str:
    """Returns a reading in one sentence."""
    error = reading["standard_error"]
    spread = (
        "" if error is None else f" ± {error:.4f} (standard error over {len(reading['accuracies'])} splits)"
    )
    interval = reading.get("interval")
    over = f"95 % interval {low_to_high(interval)} over {reading['interval_over']}" if interval else ""
    again = reading["earlier_readings"]
    before = "once before for another winner" if again == 1 else f"{again} times before for other winners"
    beside = ", ".join(f"{each.title} {each.mean:.4f}" for each in baselines_of(reading.get("baselines", ())))
    others = describe_readers([Reader(**each) for each in reading.get("read_before", ())])
    warning = f"; the held-out data was read {before}" if again and not others else ""
    return (
        f"held-out accuracy {reading['accuracy']:.4f}{spread} on {reading['n']:,} images"
        f"{''.join(f' ({each})' for each in (over, beside) if each)}, "
        f"read once at {reading['read_at']}{warning}{f'; {others}' if others else ''}"
    )

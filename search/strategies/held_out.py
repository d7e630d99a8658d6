"""Held-out data: it is read once for a winner, and every reading is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import fmean, stdev
from typing import Any

from data_prep.errors import InputError
from data_prep.splits import Split
from data_prep.storage.atomic_files import write_json
from search.statistics.baselines import Baseline, baselines_of
from search.strategies.trial_runs import Train, TrialRuns
from search.study.comparison import breakdown_of
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.snapshot import read_final
from search.study.stage_results import Result
from trainables.features.inputs import backbone_read_by
from trainables.trial import TrialStatus

BaselinesOn = Callable[[Sequence[str], Sequence[Split]], Sequence[Baseline]]
"""Gives the baselines on the features of backbones, read on the validation rows of splits."""


def require_held_out(problem: Problem) -> None:
    """Raises InputError where the protocol keeps no data out of the selection."""
    if not problem.final_splits:
        raise InputError(
            f"--final needs data that no selection saw, --split {problem.protocol} keeps none; "
            "use --split folds, kfold:K, or given where the data came with a part test"
        )


def evaluate_winner(
    result: Result, problem: Problem, ledger: Ledger, train: Train, baselines: BaselinesOn = lambda *_: ()
) -> dict[str, Any]:
    """Returns the reading for the winner of `result`, and keeps it in `final.json`.

    The winner is trained on all but the test part of each split, for all its epochs, and read at the last
    one. A winner that was read before is not read again. `accuracy` is the mean over the splits,
    `standard_error` that of this mean. Raises InputError where a run did not complete.
    """
    if result.winner is None:
        raise InputError(f"--final needs a winner, the stage {result.stage} has none; run it again")
    readings = read_final(ledger.folder)
    for reading in readings:
        if reading["config"] == result.winner.to_dict():
            return reading
    runs = [problem.trial(result.winner, split.name) for split in problem.final_splits]
    results = TrialRuns(ledger, train, problem).of(runs)
    failed = [
        run for run in runs if run.key not in results or results[run.key].status is not TrialStatus.COMPLETED
    ]
    if failed:
        raise InputError(
            f"{len(failed)} of the {len(runs)} final runs did not complete; run the same command again"
        )
    accuracies = [results[run.key].epochs[-1].val_accuracy for run in runs]
    reading = {
        "read_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "stage": result.stage,
        "config": result.winner.to_dict(),
        "split": problem.protocol,
        "trials": [run.key for run in runs],
        "n": sum(len(split.validation) for split in problem.final_splits),
        "accuracies": dict(zip((run.split for run in runs), accuracies, strict=True)),
        "accuracy": fmean(accuracies),
        "standard_error": stdev(accuracies) / len(accuracies) ** 0.5 if len(accuracies) > 1 else None,
        "breakdown": breakdown_of(runs, problem, ledger),
        "earlier_readings": len(readings),
        "baselines": [
            asdict(each) for each in baselines([backbone_read_by(result.winner)], problem.final_splits)
        ],
    }
    write_json(Layout(ledger.folder).final, {"readings": [*readings, reading]})
    return reading


def describe_reading(reading: Mapping[str, Any]) -> str:
    """Returns a reading in one sentence."""
    error = reading["standard_error"]
    spread = (
        "" if error is None else f" ± {error:.4f} (standard error over {len(reading['accuracies'])} splits)"
    )
    again = reading["earlier_readings"]
    before = "once before for another winner" if again == 1 else f"{again} times before for other winners"
    beside = ", ".join(f"{each.title} {each.mean:.4f}" for each in baselines_of(reading.get("baselines", ())))
    warning = f"; the held-out data was read {before}" if again else ""
    return (
        f"held-out accuracy {reading['accuracy']:.4f}{spread} on {reading['n']:,} images"
        f"{f' ({beside})' if beside else ''}, "
        f"read once at {reading['read_at']}{warning}"
    )

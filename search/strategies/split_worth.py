"""Worth of the random split: its winner is trained once more with groups apart, and read on new ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_prep.audit.apart import Apart, shared_kept_apart
from data_prep.errors import InputError
from data_prep.storage.json_files import write_json
from search.statistics.group_bootstrap import interval_of_share
from search.statistics.split_worth import SplitWorth
from search.strategies.preparation import Prepared
from search.strategies.trial_runs import TrialRuns
from search.study.formats import SPLIT_WORTH
from search.study.layout import Layout
from search.study.search_id import SearchId, SearchKind
from search.study.setup import Problem
from search.study.snapshot import read_split_worth
from search.study.stage_results import PopulationResult, Result
from trainables.answers import predicted_labels
from trainables.hyperparameters import SCHEDULES
from trainables.trial import Trial, TrialConfig, TrialResult, TrialStatus

MAX_STEPS = 2_000  # of the winner's second training
TrainProblem = Callable[
    [Problem, SearchId, Callable[[Trial], str], Sequence[Trial], Collection[str]], Mapping[str, TrialResult]
]
"""Trains trials of any problem: `search.ray_tune.workers.WorkerPool.train`."""


def split_worth(prepared: Prepared, result: Result, train: TrainProblem) -> SplitWorth | None:
    """Returns what the random split adds to the winner of `result`, and keeps it; None where it adds nothing.

    What is kept of this winner is read: without groups, making it takes a comparison of all pictures. Both
    runs are compared after as many epochs as MAX_STEPS allow, so that it takes seconds. None also where the
    winner reads images, which takes longer, where groups are too few to be kept apart, and where a run did
    not complete.
    """
    winner = result.winner
    # a population's values changed while it trained: no trial has the winner's from its start
    if winner is None or isinstance(result, PopulationResult) or winner.trains_on_images:
        return None
    problem, apart = prepared.problem, None
    kept = _kept(prepared.folder)
    if kept and kept.trials[0] == problem.trial(winner, problem.splits[0].name).key:
        return kept
    if problem.protocol == "random":
        apart = shared_kept_apart(problem.manifest, problem.splits[0], prepared.options.data.manifest)
    if apart is None:
        return None
    theirs = replace(problem, manifest=apart.manifest, splits=(apart.split,))

    def trains(trials: Sequence[Trial]) -> Mapping[str, TrialResult]:
        search = SearchId(SearchKind.APART)
        return train(theirs, search, lambda trial: apart.noun, trials, ()) if trials else {}

    found = _worth(winner, problem, apart, TrialRuns(prepared.ledger, trains, theirs))
    if found:
        path = Layout(prepared.folder).split_worth
        write_json(path, {"format": SPLIT_WORTH.number, **found.to_dict()})
    return found


def shortened(winner: TrialConfig, rows: int) -> TrialConfig:
    """Returns `winner` with as many epochs, at least one, as MAX_STEPS allow on `rows`.

    A schedule may lower the learning rate by the number of epochs: such a winner keeps all of them.
    """
    if winner.learning_rate_schedule != SCHEDULES[0]:
        return winner
    allowed = MAX_STEPS // math.ceil(rows / winner.batch_size)
    return replace(winner, epochs=max(1, min(winner.epochs, allowed)))


def _kept(folder: Path) -> SplitWorth | None:
    try:
        return read_split_worth(folder)
    except InputError:  # it is found, and written, again
        return None


def _worth(winner: TrialConfig, problem: Problem, apart: Apart, runs: TrialRuns) -> SplitWorth | None:
    shorter = shortened(winner, len(apart.split.train))
    ours, theirs = problem.trial(winner, problem.splits[0].name), problem.trial(shorter, apart.split.name)
    results = [runs.ledger.find(ours), runs.of([theirs]).get(theirs.key)]
    ended = [each for each in results if each and each.status is TrialStatus.COMPLETED]
    if len(ended) < len(results):
        return None
    rows = apart.split.validation
    right = predicted_labels(runs.ledger.predictions(theirs)) == problem.labels[rows]
    # the winner's curve has its accuracy after as many epochs already
    accuracies = [each.epochs[: shorter.epochs][-1].val_accuracy for each in ended]
    return SplitWorth(
        config=winner.to_dict(),
        epochs=shorter.epochs,
        trials=(ours.key, theirs.key),
        accuracy=accuracies[0],
        apart=accuracies[1],
        interval=interval_of_share(right, apart.groups[rows]),
        groups=int(np.unique(apart.groups[rows]).size),
        noun=apart.noun,
        known=apart.known,
    )

"""Worth of the random split: its winner is trained once more with groups apart, and read on new ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from data_prep.audit.apart import Apart, shared_kept_apart
from data_prep.storage.json_files import write_json
from search.statistics.group_bootstrap import interval_of_share
from search.statistics.split_worth import SplitWorth
from search.strategies.preparation import Prepared
from search.strategies.trial_runs import TrialRuns
from search.study.formats import SPLIT_WORTH
from search.study.layout import Layout
from search.study.search_id import SearchId, SearchKind
from search.study.setup import Problem
from search.study.stage_results import PopulationResult, Result
from trainables.answers import predicted_labels
from trainables.trial import Trial, TrialConfig, TrialResult, TrialStatus

TrainProblem = Callable[
    [Problem, SearchId, Callable[[Trial], str], Sequence[Trial], Collection[str]], Mapping[str, TrialResult]
]
"""Trains trials of any problem: `search.ray_tune.workers.WorkerPool.train`."""


def split_worth(prepared: Prepared, result: Result, train: TrainProblem) -> SplitWorth | None:
    """Returns what the random split adds to the winner of `result`, and keeps it; None where it adds nothing.

    None also where the winner reads images, which takes longer than seconds, where groups are too few to be
    kept apart, and where a run did not complete.
    """
    winner = result.winner
    if winner is None or isinstance(result, PopulationResult) or winner.trains_on_images:
        return None
    problem, apart = prepared.problem, None
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


def _worth(winner: TrialConfig, problem: Problem, apart: Apart, runs: TrialRuns) -> SplitWorth | None:
    ours, theirs = (problem.trial(winner, split.name) for split in (problem.splits[0], apart.split))
    results = [runs.ledger.find(ours), runs.of([theirs]).get(theirs.key)]
    ended = [each for each in results if each and each.status is TrialStatus.COMPLETED]
    if len(ended) < len(results):
        return None
    rows = apart.split.validation
    right = predicted_labels(runs.ledger.predictions(theirs)) == problem.labels[rows]
    accuracies = [each.epochs[-1].val_accuracy for each in ended]
    return SplitWorth(
        config=winner.to_dict(),
        trials=(ours.key, theirs.key),
        accuracy=accuracies[0],
        apart=accuracies[1],
        interval=interval_of_share(right, apart.groups[rows]),
        groups=int(np.unique(apart.groups[rows]).size),
        noun=apart.noun,
        known=apart.known,
    )

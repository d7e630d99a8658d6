"""Worth of the random split: its winner is trained once more with groups apart, and read on new ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from data_prep.audit.alike import Groups, equal_groups, near_groups
from data_prep.audit.look_file import look_path, read_looks
from data_prep.errors import InputError
from data_prep.groups import group_nouns
from data_prep.manifest import Manifest
from data_prep.splits import Split, split_apart
from data_prep.storage.atomic_files import write_json
from search.statistics.class_probabilities import predicted_labels
from search.statistics.group_bootstrap import interval_of_share
from search.statistics.split_worth import SplitWorth
from search.strategies.preparation import Prepared
from search.strategies.trial_runs import TrialRuns
from search.study.comparison import group_numbers
from search.study.formats import SPLIT_WORTH_FORMAT
from search.study.layout import Layout
from search.study.search_id import SearchId, SearchKind
from search.study.setup import Problem
from search.study.stage_results import PopulationResult, Result
from trainables.features.inputs import reads_images
from trainables.trial import Trial, TrialConfig, TrialResult, TrialStatus

ALIKE = "near-duplicates"

TrainProblem = Callable[
    [Problem, SearchId, Callable[[Trial], str], Sequence[Trial], Collection[str]], Mapping[str, TrialResult]
]
"""Trains trials of any problem: `search.ray_tune.workers.WorkerPool.train`."""


@dataclass(frozen=True, eq=False)
class Apart:
    """A problem with its groups apart, and what they are called; `known` as in SplitWorth."""

    problem: Problem
    noun: str
    known: bool


def split_worth(prepared: Prepared, result: Result, train: TrainProblem) -> SplitWorth | None:
    """Returns what the random split adds to the winner of `result`, and keeps it; None where it adds nothing.

    None also where the winner reads images, which takes longer than seconds, where groups are too few to be
    kept apart, and where a run did not complete.
    """
    winner = result.winner
    if winner is None or isinstance(result, PopulationResult) or reads_images(winner):
        return None
    apart = problem_apart(prepared.problem, prepared.options.data.manifest)
    if apart is None:
        return None

    def trains(trials: Sequence[Trial]) -> Mapping[str, TrialResult]:
        search = SearchId(SearchKind.APART)
        return train(apart.problem, search, lambda trial: apart.noun, trials, ()) if trials else {}

    runs = TrialRuns(prepared.ledger, trains, apart.problem)
    found = _worth(winner, prepared.problem, apart, runs)
    if found:
        path = Layout(prepared.folder).split_worth
        write_json(path, {"format": SPLIT_WORTH_FORMAT, **found.to_dict()})
    return found


def problem_apart(problem: Problem, manifest: Path | None) -> Apart | None:
    """Returns `problem` on a split that keeps apart what its random split shares, None where that is nothing.

    Where groups are unknown, near-equal pictures stand in: those that the build saw, in the file of looks
    beside the `manifest`, else equal files.
    """
    (split, *_) = problem.splits
    if problem.protocol != "random":
        return None
    known = split.groups_known
    data = problem.manifest if known else _with_alike(problem.manifest, manifest)
    if not _shares(split, data, known=known):
        return None
    try:
        cut = split_apart(data)
    except InputError:  # groups too few to be cut
        return None
    noun = group_nouns(data.group_kind)[1] if known else ALIKE
    return Apart(replace(problem, manifest=data, splits=(cut,)), noun, known)


def _shares(split: Split, data: Manifest, *, known: bool) -> bool:
    if known:
        return split.shared_groups > 0
    alike = data.table["alike"].to_numpy(dtype="float64", na_value=-1)
    sides = [set(alike[rows][alike[rows] >= 0]) for rows in (split.train, split.validation)]
    return bool(sides[0] & sides[1])


def _with_alike(data: Manifest, path: Path | None) -> Manifest:
    if (
        data.table["alike"].notna().any() or data.is_drawn
    ):  # the split keeps them; drawings are alike by nature
        return data
    numbers = pd.Series(_alike(data, path), dtype="Int32")
    return replace(data, table=data.table.assign(alike=numbers.where(numbers >= 0)))


def _alike(data: Manifest, path: Path | None) -> Groups:
    looks = read_looks(look_path(path)) if path else {}
    found = [looks.get(digest) for digest in data.image_digests]
    known = [look for look in found if look]
    return near_groups(known) if len(known) == len(found) else equal_groups(data.image_digests)


def _worth(winner: TrialConfig, problem: Problem, apart: Apart, runs: TrialRuns) -> SplitWorth | None:
    (split,) = apart.problem.splits
    ours, theirs = problem.trial(winner, problem.splits[0].name), apart.problem.trial(winner, split.name)
    results = [runs.ledger.find(ours), runs.of([theirs]).get(theirs.key)]
    ended = [each for each in results if each and each.status is TrialStatus.COMPLETED]
    if len(ended) < len(results):
        return None
    right = predicted_labels(runs.ledger.predictions(theirs)) == problem.labels[split.validation]
    groups = group_numbers(apart.problem, split.validation)
    accuracies = [each.epochs[-1].val_accuracy for each in ended]
    return SplitWorth(
        config=winner.to_dict(),
        trials=(ours.key, theirs.key),
        accuracy=accuracies[0],
        apart=accuracies[1],
        interval=interval_of_share(right, groups),
        groups=int(np.unique(groups).size),
        noun=apart.noun,
        known=apart.known,
    )

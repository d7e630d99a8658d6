"""Comparison of configurations by their runs: the figures of each, who is best, and whether that is sure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

import numpy as np

from data_prep.errors import InputError
from data_prep.groups import group_nouns, groups_of
from data_prep.storage.remote import shown
from search.statistics.classification_errors import break_down
from search.statistics.configurations import are_scored, by_configuration
from search.statistics.mistakes import groups_most_wrong, most_wrong
from search.statistics.paired_tests import Comparison
from search.statistics.selection import Selection
from search.statistics.winners_curse import luck_of_choice
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.snapshot import Snapshot
from search.study.stage_results import Entry, winner_of
from trainables.answers import predicted_labels
from trainables.objective import OBJECTIVE, Objective, with_figure
from trainables.trial import Trial, TrialConfig, TrialResult, TrialStatus


@dataclass(frozen=True, eq=False)
class Candidate:
    """A configuration (with the first seed) among others: its value in the stage, and its runs."""

    value: Any
    config: TrialConfig
    runs: tuple[Trial, ...]

    def scores(
        self, results: Mapping[str, TrialResult], objective: Objective = OBJECTIVE
    ) -> dict[tuple[str, int], float]:
        """Returns the objective of each run by split and seed, so that more is better.

        It is NaN where a run did not finish.
        """
        return {(run.split, run.config.seed): _score(results.get(run.key), objective) for run in self.runs}


def runs_of(config: TrialConfig, problem: Problem, seeds: Sequence[int]) -> tuple[Trial, ...]:
    """Returns the trials of `config`: a run for each split and seed."""
    # by hand: Tune's Repeater takes no grids
    configs = [config if seed == config.seed else replace(config, seed=seed) for seed in seeds]
    return tuple(problem.trial(each, split.name) for split in problem.splits for each in configs)


def each_once(candidates: Sequence[Candidate]) -> list[Trial]:
    """Returns all runs, each once; those with the same split and seed stand together."""
    # by number first: an interrupted search then has whole rows of runs that can be paired
    longest = max(len(candidate.runs) for candidate in candidates)
    ordered = (
        candidate.runs[number]
        for number in range(longest)
        for candidate in candidates
        if number < len(candidate.runs)
    )
    return list({run.key: run for run in ordered}.values())  # candidates may share a trial


def best_first(study: Snapshot) -> list[TrialConfig]:
    """Returns the configurations that ran to their end: the winner's, then the others, the best mean first.

    Each stands there once, whatever its seeds and splits, compared as the last search compared.
    """
    objective = study.results[-1].objective if study.results else OBJECTIVE
    # one with a start is fine-tuned
    plain = (each for each in study.trials.values() if not each.trial.start)
    done = by_configuration(each for each in plain if each.status is TrialStatus.COMPLETED)
    known = {
        config: objective.gain(fmean(map(objective.of, runs)))
        for config, runs in done.items()
        if are_scored(runs, objective)
    }
    others = sorted(known, key=lambda config: -known[config])
    won = any(result.winner for result in study.results)
    first = [replace(winner_of(study.results, study.folder)[0], seed=0)] if won else []
    return list(dict.fromkeys((*first, *others)))


def entries_of(
    candidates: Sequence[Candidate],
    selection: Selection,
    results: Mapping[str, TrialResult],
    reused: Collection[str],
    *,
    objective: Objective = OBJECTIVE,
) -> tuple[Entry, ...]:
    """Returns an entry for each candidate in order; `results` and `reused` go by key."""
    return tuple(
        replace(_entry(candidate, results, reused, objective), **compared(comparison))
        for candidate, comparison in zip(candidates, selection.comparisons, strict=True)
    )


def figures_at_inference(finished: Sequence[TrialResult]) -> dict[str, Any]:
    """Returns the figures of an Entry on what its runs say at inference."""
    accuracies = [run.train_accuracy_at_inference for run in finished]
    counts = [run.one_class_epochs for run in finished]
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    return {
        "train_accuracy_at_inference": fmean(known) if known and len(known) == len(finished) else None,
        "one_class_epochs": None if not counts or None in counts else sum(filter(None, counts)),
        "epochs": sum(len(run.epochs) for run in finished),
    }


def breakdown_of(runs: Sequence[Trial], problem: Problem, ledger: Ledger) -> dict[str, Any]:
    """Returns the breakdown of the validation errors of the runs with the first seed, all splits together.

    Its intervals take the images of one group as correlated, where groups are known. `mistakes` has the
    pictures that are most wrong (`search.statistics.mistakes`).
    """
    # every seed would count each image once more, and intervals would shrink for nothing
    first = [trial for trial in runs if trial.config.seed == runs[0].config.seed]
    validation_rows = problem.validation_rows
    rows = np.concatenate([validation_rows[trial.split] for trial in first])
    probabilities = np.concatenate([ledger.predictions(trial) for trial in first])
    ages, names = ages_of(problem, rows), problem.manifest.class_names
    known = any(split.groups_known for split in problem.splits)
    groups = group_numbers(problem, rows)
    found = break_down(
        problem.labels[rows],
        probabilities,
        ages,
        names,
        ordered=problem.is_ordered,
        groups=groups if known else None,
    )
    return {**found, "mistakes": _mistakes(problem, rows, probabilities, groups)}


def _mistakes(
    problem: Problem, rows: np.ndarray, probabilities: np.ndarray, groups: np.ndarray
) -> dict[str, Any]:
    """Returns the pictures that are most wrong and the groups with most of them; `root` is their folder."""
    labels, table = problem.labels[rows], problem.manifest.table.iloc[rows]
    names = groups_of(table, problem.manifest.group_kind).astype(object)
    owners: list[str | None] = list(names.where(names.notna(), None))
    pictures = most_wrong(labels, probabilities, groups)
    for picture in pictures:
        place = picture.pop("place")
        picture |= {"path": str(table["path"].iloc[place]), "group": owners[place]}
    worst = groups_most_wrong(predicted_labels(probabilities) == labels, owners)
    return {"root": shown(problem.manifest.root), "pictures": pictures, "groups": worst}


def luck_of_winner(results: Mapping[str, TrialResult], problem: Problem, ledger: Ledger) -> float | None:
    """Returns by how much the best configuration of `results` flatters itself, None where that is unknown.

    It takes all that completed on every split, whatever their seeds: a winner was chosen among them all.
    """
    of_config: dict[TrialConfig, dict[str, list[np.ndarray]]] = {}
    by_name = {split.name: split for split in problem.splits}
    # in an order of their own: of equally good ones the first counts, and not the one that ended first
    for _, result in sorted(results.items()):
        trial = result.trial
        if result.status is TrialStatus.COMPLETED and trial.split in by_name:
            known = problem.labels[by_name[trial.split].validation]
            try:
                right = predicted_labels(ledger.predictions(trial)) == known
            except InputError:  # a file that is gone is missed where it is needed, and told there
                return None
            same = of_config.setdefault(replace(trial.config, seed=0), {})
            same.setdefault(trial.split, []).append(right)
    whole = [runs for runs in of_config.values() if len(runs) == len(by_name)]
    if not whole:
        return None
    columns = [np.concatenate([np.mean(runs[name], axis=0) for name in by_name]) for runs in whole]
    rows = np.concatenate([split.validation for split in by_name.values()])
    return luck_of_choice(np.stack(columns, axis=1), group_numbers(problem, rows))


def not_claimed_for(verdict: str, problem: Problem) -> str:
    """Returns those (people, groups) for whom, were they new, that `verdict` says nothing; empty for none."""
    shared = any(split.shared_groups for split in problem.splits)
    if verdict != "clear" or not shared:
        return ""
    _, several = group_nouns(problem.manifest.group_kind)
    return several


def independent_images(problem: Problem) -> dict[str, int]:
    """Returns how many images judge each split of `problem`; those of one group count as one."""
    return {split.name: len(np.unique(group_numbers(problem, split.validation))) for split in problem.splits}


def group_numbers(problem: Problem, rows: np.ndarray) -> np.ndarray:
    """Returns a number for each of `rows`, the same for images of one group; without one each has its own."""
    manifest = problem.manifest
    codes, known = groups_of(manifest.table.iloc[rows], manifest.group_kind).factorize()
    return np.where(codes < 0, len(known) + rows, codes)  # numbers that no group has


def ages_of(problem: Problem, rows: np.ndarray) -> list[str | None]:
    """Returns the age group of each of `rows`, None where it is unknown."""
    # as objects: a column of pandas' strings would turn None into NA
    ages = problem.manifest.table["age"].iloc[rows].astype(object)
    return list(ages.where(ages.notna(), None))


def scored(result: TrialResult, problem: Problem, ledger: Ledger) -> TrialResult:
    """Returns `result` with the figure of the problem's objective in its last epoch.

    A trial that was trained for another objective has its probabilities in the ledger, and is not trained
    again. Raises InputError where they cannot be read.
    """
    figure = problem.objective.figure
    if not figure or result.status is not TrialStatus.COMPLETED or getattr(result.epochs[-1], figure):
        return result
    labels = problem.labels[problem.validation_rows[result.trial.split]]
    last = with_figure(result.epochs[-1], problem.objective, labels, ledger.predictions(result.trial))
    return replace(result, epochs=(*result.epochs[:-1], last))


def _score(result: TrialResult | None, objective: Objective) -> float:
    if result is None or result.status is not TrialStatus.COMPLETED:
        return math.nan  # one run that failed makes its candidate fail
    return objective.gain(objective.of(result))


def _entry(
    candidate: Candidate,
    results: Mapping[str, TrialResult],
    reused: Collection[str],
    objective: Objective,
) -> Entry:
    keys = tuple(run.key for run in candidate.runs)
    ended = [results[key] for key in keys if key in results]
    failed = [run for run in ended if run.status is not TrialStatus.COMPLETED]
    finished = [run for run in ended if run.status is TrialStatus.COMPLETED]
    scores = [objective.of(run) for run in finished]
    status, reason = TrialStatus.COMPLETED, ""
    if failed:
        status, reason = failed[0].status, failed[0].reason
    elif len(ended) < len(keys):
        status, reason = TrialStatus.STOPPED, "the time was up before all its runs ended"
    return Entry(
        value=candidate.value,
        config=candidate.config,
        trials=keys,
        reused=tuple(key for key in keys if key in reused),
        status=status.value,
        reason=reason,
        mean=fmean(scores) if scores else math.nan,
        spread=stdev(scores) if len(scores) > 1 else math.nan,
        best_val_accuracy=max((run.best_val_accuracy for run in finished), default=math.nan),
        best_epoch=finished[0].best_epoch if finished else None,
        seconds=sum(run.seconds for run in ended),
        **figures_at_inference(finished),
    )


def compared(comparison: Comparison | None) -> dict[str, Any]:
    """Returns the fields of an Entry, or of a column, on how it compares with the winner."""
    names = ("difference", "interval", "p_value", "tied", "equivalent") if comparison else ()
    return {name: getattr(comparison, name) for name in names}

"""Two studies beside each other: what each is of, what it found, and whether the figures may be compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import fmean

from data_prep.class_names import listed
from search.dashboard.trials import objective_of
from search.report.document import Table
from search.report.sections.ways import Leader, leader_of
from search.space.labels import describe_config, told_of
from search.statistics.baselines import constant_of, linear_of
from search.statistics.configurations import are_scored, by_configuration
from search.statistics.number_text import NONE, decimal
from search.statistics.verdict_text import verdict_word
from search.study.descriptions import describe_state
from search.study.snapshot import Snapshot

_ROWS = (
    "winner",
    "found by",
    "objective",
    "accuracy after the last epoch",
    "a linear classifier",
    "always one answer",
    "verdict",
    "state",
    "data",
    "split",
    "images",
    "trials",
)


def side_by_side(studies: Sequence[Snapshot]) -> Table:
    """Returns a row for each figure, and in it a cell for each study."""
    columns = [_column(study) for study in studies]
    rows = [(name, *cells) for name, *cells in zip(_ROWS, *columns, strict=True)]
    caption = "What each study found, beside the baselines, and what data it is of"
    return Table(caption=caption, columns=("", *(study.name for study in studies)), rows=rows)


def differences_between(studies: Sequence[Snapshot]) -> list[str]:
    """Returns a sentence for each reason why figures of the studies cannot be compared."""
    unlike = (
        (
            "data",
            [study.facts.data_digest for study in studies],
            "a figure on one says nothing about the other",
        ),
        ("split", [study.facts.split for study in studies], "they are evaluated on different rows"),
        ("objective", [objective_of(study).name for study in studies], "each search chose by its own"),
    )
    return [
        f"The studies differ in their {what}: {why}."
        for what, values, why in unlike
        if any(one != other for one, other in pairwise(values))
    ]


def best_by_configuration(study: Snapshot) -> list[float]:
    """Returns the best objective, as the mean of a configuration's runs, after each whose last run ended."""
    objective = objective_of(study)
    latest = [study.trials[key] for key in sorted(study.trials, key=study.ended_at.__getitem__, reverse=True)]
    # without pretraining and held-out data; before anything is decided those that were seen so far
    splits = {split for result in study.results for split in result.protocol.splits}
    splits = splits or {each.trial.split for each in latest}
    runs = by_configuration(each for each in latest if each.trial.split in splits and not each.trial.start)
    means = [
        fmean(map(objective.of, of_one))
        for of_one in reversed(runs.values())
        if are_scored(of_one, objective) and {run.trial.split for run in of_one} == splits
    ]
    return list(accumulate(means, objective.better))


def _column(study: Snapshot) -> Sequence[str]:
    leader, facts = leader_of(study), study.facts
    classes = f": {listed(facts.class_names)}" if facts.class_names else ""
    return (
        *(_found(leader, study) if leader else [NONE] * 7),
        describe_state(study.live),
        f"{facts.source or 'unknown'}{classes}",
        facts.split or NONE,
        f"{facts.images:,}" if facts.images else NONE,
        f"{len(study.trials):,}",
    )


def _found(leader: Leader, study: Snapshot) -> Sequence[str]:
    objective = objective_of(study)
    of_all = fmean(objective.of(run) for run in leader.runs)
    linear, constant = linear_of(leader.baselines, leader.config.backbone), constant_of(leader.baselines)
    return (
        describe_config(leader.config, told_of(leader.config)),
        leader.found_by,
        f"{objective.name} {decimal(of_all)}",
        decimal(leader.accuracy),
        decimal(linear and linear.mean),
        decimal(constant and constant.mean),
        verdict_word(leader.verdict, leader.not_for_new),
    )

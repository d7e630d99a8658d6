"""Summary of a search: its best objective and its cost, side by side for the searches on the same data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from statistics import fmean
from typing import Any

from data_prep.errors import InputError
from search.statistics.number_text import confidence, low_to_high
from search.statistics.paired_tests import LEVEL, MARGIN, Comparison, Rule, Scores, compare, paired
from search.study.snapshot import Snapshot, reading_of
from search.study.stage_results import JointResult, PopulationResult, Result, winner_of
from trainables.objective import OBJECTIVE, Objective
from trainables.trial import TrialConfig

# searches are compared only where all of these facts of their studies are equal
SAME = ("data_digest", "split", "weights", "keras_backend", "feature_precision", "resize", "image_backend")


@dataclass(frozen=True)
class SearchSummary:
    """One way of searching in one study: its best objective, and its cost in trials and trial seconds.

    `best` is None, and `runs` 0, where nothing was trained with just the winner's values: stages that were
    run out of order found them one by one. `held_out` has the objective of the winner by the name of each
    held-out part, as --final read it, and `behind` says by how much the best search is better there; None for
    the best, and where nothing can be compared.
    """

    study: str
    way: str
    best: float | None
    runs: int
    trials: int
    seconds: float
    winner: Mapping[str, Any]
    verdict: str
    objective: Objective = OBJECTIVE
    held_out: Mapping[str, float] = field(default_factory=dict)
    behind: Comparison | None = None

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{self.study} {self.way}"

    @property
    def held_out_mean(self) -> float | None:
        """The mean objective of the winner over the held-out parts, None where they were not read."""
        return fmean(self.held_out.values()) if self.held_out else None

    @property
    def _scores(self) -> Scores:
        return {(split, 0): self.objective.gain(value) for split, value in self.held_out.items()}


def compare_studies(studies: Sequence[Snapshot]) -> list[SearchSummary]:
    """Returns the staged and the joint search of each study, as far as they were run.

    Raises InputError where a study is given twice, where the studies are not of the same data, split,
    weights, backend and precision, and where there are fewer than two searches.
    """
    _require_different(studies)
    _require_same(studies)
    searches = [search for study in studies for search in _searches_in(study)]
    if len(searches) < 2:
        folders = ", ".join(str(study.folder) for study in studies)
        raise InputError(
            f"a comparison needs two finished searches, {folders} has {len(searches)}; "
            "run --stage all and --mode joint"
        )
    return _behind_the_best(searches)


def describe_held_out(searches: Sequence[SearchSummary]) -> list[str]:
    """Returns a sentence for each search on how far it is behind the best one on held-out data."""
    best = next((each for each in searches if each.held_out and each.behind is None), None)
    return [_behind(each.name, best.name, each.behind) for each in searches if best and each.behind]


def _behind(name: str, best: str, found: Comparison) -> str:
    by = f"{found.difference:.4f}"
    if found.tied is None:
        return f"on held-out data {best} is better than {name} by {by}; one part gives no interval"
    tested = f"{by} ({confidence(LEVEL)} {low_to_high(found.interval)} over {found.runs} parts)"
    if found.tied:
        return f"on held-out data {best} is not told apart from {name}: better by {tested}"
    return f"on held-out data {best} is better than {name} by {tested}"


def _behind_the_best(searches: Sequence[SearchSummary]) -> list[SearchSummary]:
    """Returns the searches; those that were read on the same held-out parts know their best one."""
    read = [each for each in searches if each.held_out]
    same = {(each.objective, tuple(sorted(each.held_out))) for each in read}
    if len(read) < 2 or len(same) > 1:
        return list(searches)
    best = max(read, key=lambda each: fmean(each._scores.values()))
    others = [each for each in read if each is not best]
    pairs = [paired(best._scores, each._scores, MARGIN) for each in others]
    # by identity: a search holds mappings, which have no hash
    found = dict(zip(map(id, others), compare(pairs, Rule(LEVEL, MARGIN)), strict=True))
    return [replace(each, behind=found.get(id(each))) for each in searches]


def _require_different(studies: Sequence[Snapshot]) -> None:
    places = [study.folder.resolve() for study in studies]
    twice = [place for place in places if places.count(place) > 1]
    if twice:
        raise InputError(f"a study is compared with others, {twice[0]} is given twice; name it once")


def _require_same(studies: Sequence[Snapshot]) -> None:
    first, *others = studies
    for other in others:
        for name in SAME:
            here, there = getattr(first.facts, name), getattr(other.facts, name)
            if here != there:
                raise InputError(
                    f"only searches on the same data can be compared: {name} is {here!r} in "
                    f"{first.folder} and {there!r} in {other.folder}; leave one out"
                )


def _searches_in(study: Snapshot) -> Iterable[SearchSummary]:
    staged = [result for result in study.staged if result.winner]
    if staged:
        keys = {key for result in staged for key in result.trial_keys()}
        stages = ", ".join(dict.fromkeys(result.stage for result in staged))
        winner, _ = winner_of(staged, study.folder)
        last = next((result for result in reversed(staged) if _compared(result, winner)), staged[-1])
        yield _summary(study, f"staged ({stages})", last, winner, keys)
    for result in study.results:
        if isinstance(result, PopulationResult) and result.winner:
            way = f"joint ({result.settings['scheduler']})"
            yield _summary(study, way, result, result.winner, set(), len(result.members))
        elif isinstance(result, JointResult) and result.winner:
            way = f"joint ({result.settings['search']}, {result.settings['scheduler']})"
            yield _summary(study, way, result, result.winner, set(result.trial_keys()))


def _summary(
    study: Snapshot, way: str, last: Result, winner: TrialConfig, keys: set[str], members: int = 0
) -> SearchSummary:
    trials = [study.trials[key] for key in sorted(keys) if key in study.trials]
    entry = last.entry_of(winner) if _compared(last, winner) else None
    return SearchSummary(
        study=study.name,
        way=way,
        best=entry.mean if entry else None,
        runs=max(1, len(entry.trials)) if entry else 0,
        trials=len(trials) + members,
        # members of a population stand in no ledger
        seconds=sum(trial.seconds for trial in trials or last.entries),
        winner=winner.to_dict(),
        verdict=last.verdict,
        objective=last.objective,
        held_out=_held_out(study, winner, last.objective),
    )


def _held_out(study: Snapshot, winner: TrialConfig, objective: Objective) -> dict[str, float]:
    """Returns the objective of `winner` by held-out part, nothing where --final did not read them for it."""
    reading = reading_of(study.readings, winner.to_dict())
    keys = reading["trials"] if reading else []
    runs = [study.trials[key] for key in keys if key in study.trials]
    found = {run.trial.split: objective.of(run) for run in runs}
    return found if len(found) == len(keys) and not any(map(isnan, found.values())) else {}


def _compared(result: Result, config: TrialConfig) -> bool:
    return any(entry.config == config for entry in result.entries)

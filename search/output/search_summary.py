"""Summary of a search: its best objective and its cost, side by side for the searches on the same data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_prep.errors import InputError
from search.study.snapshot import Snapshot
from search.study.stage_results import JointResult, PopulationResult, Result, winner_of
from trainables.trial import TrialConfig

# searches are compared only where all of these facts of their studies are equal
SAME = ("data_digest", "split", "weights", "keras_backend", "feature_precision", "resize")


@dataclass(frozen=True)
class SearchSummary:
    """One way of searching in one study: its best objective, and its cost in trials and trial seconds.

    `best` is None, and `runs` 0, where nothing was trained with just the winner's values: stages that were
    run out of order found them one by one.
    """

    study: str
    way: str
    best: float | None
    runs: int
    trials: int
    seconds: float
    winner: Mapping[str, Any]
    verdict: str


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
    return searches


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
        seconds=sum(trial.seconds for trial in trials or last.entries),
        winner=winner.to_dict(),
        verdict=last.verdict,
    )


def _compared(result: Result, config: TrialConfig) -> bool:
    return any(entry.config == config for entry in result.entries)

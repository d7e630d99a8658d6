"""Ways to the outcome: untuned, tuned, pretrained, unfrozen, each with its runs and the published one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from search.report.published import (
    PUBLISHED_PRETRAINED,
    PUBLISHED_TUNED,
    PUBLISHED_UNTUNED,
    LastEpoch,
    published_base,
)
from search.space.stages import UNTUNED_HEADS
from search.statistics.baselines import NO_GAIN, Baseline, against, linear_of
from search.statistics.paired_tests import Comparison, Scores
from search.study.snapshot import Snapshot
from search.study.stage_results import Result
from trainables.trial import TrialConfig, TrialResult

_FINETUNE = "python -m search.run --stage finetune"
_NOT_RUN, _NEEDS_BACKBONES = "not run", "not run: needs python -m search.run --stage backbone"


@dataclass(frozen=True, kw_only=True)
class Way:
    """A row of the final table; `absent` says why there is none of the `runs`."""

    title: str
    runs: Sequence[TrialResult]
    published: LastEpoch | None = None
    absent: str = ""


@dataclass(frozen=True, kw_only=True)
class Leader:
    """Configuration that the study ended with, or has so far, with its runs; `found_by` says by what.

    `start` names whose weights the runs begin with, empty for nobody's.
    """

    found_by: str
    config: TrialConfig
    runs: Sequence[TrialResult]
    verdict: str
    statement: str
    not_for_new: str
    baselines: Sequence[Baseline]
    result: Result | None
    start: str = ""

    @property
    def accuracy(self) -> float:
        """The mean validation accuracy after the last epoch of the runs, of which there is at least one."""
        return fmean(self._scores.values())

    def beside(self, baseline: Baseline) -> Comparison:
        """Returns how the runs stand to a baseline, after their last epoch, on the splits that both have."""
        scores = {run: value for run, value in self._scores.items() if run[0] in baseline.accuracies}
        if not scores:
            return Comparison(difference=self.accuracy - baseline.mean, runs=0)
        return against(scores, baseline.accuracies, margin=0.0)

    @property
    def linear(self) -> Baseline | None:
        """The linear classifier on the same features, None where there is none."""
        return linear_of(self.baselines, self.config.backbone)

    @property
    def _scores(self) -> Scores:
        return {
            (run.trial.split, run.trial.config.seed): run.figures.last.val_accuracy
            for run in self.runs
            if run.figures
        }


def is_worth_it(leader: Leader) -> bool | None:
    """Returns whether the runs are better than what costs nothing; None where nothing tells."""
    if leader.verdict == NO_GAIN:
        return False
    if leader.linear is None:
        return None
    found = leader.beside(leader.linear)
    if found.tied is None and found.difference > 0:
        return None
    return not found.tied and found.difference > 0


def leader_of(snapshot: Snapshot) -> Leader | None:
    """Returns the final model's configuration, else that of the search that ended last; None without runs."""
    leader = _finetuned(snapshot) or _searched(snapshot)
    return leader if leader and leader.runs else None


def _finetuned(snapshot: Snapshot) -> Leader | None:
    found = snapshot.finetune
    column = found and found.column(found.winner or "")
    if not found or not column:
        return None
    origin = "" if column.name == "untuned" else f"the winner of {found.origin}"
    # another way is called tuned beside a joint search, so the origin alone says which
    words = [column.title if column.name != "tuned" else "", origin]
    return Leader(
        found_by=f"final model: {', '.join(word for word in words if word)}",
        config=TrialConfig.from_dict(column.config),
        runs=snapshot.runs(column),
        verdict=found.verdict,
        statement=found.statement,
        not_for_new=found.not_for_new,
        baselines=found.baselines,
        result=None,
        start=column.start,
    )


def _searched(snapshot: Snapshot) -> Leader | None:
    won = [result for result in (snapshot.last, snapshot.joint) if result and result.winner]
    if not won:
        return None
    result = next(each for each in reversed(snapshot.results) if each in won)
    config = result.winner
    assert config is not None  # only those with a winner are in the list
    return Leader(
        found_by=f"winner of {'the joint search' if result is snapshot.joint else f'stage {result.stage}'}",
        config=config,
        runs=snapshot.runs(result.entry_of(config)),
        verdict=result.verdict,
        statement=result.statement,
        not_for_new=result.not_for_new,
        baselines=result.baselines,
        result=result,
    )


def ways_of(snapshot: Snapshot) -> Iterator[Way]:
    """Yields the ways; beside the report's figures those that were not run, too."""
    published = snapshot.facts.is_of_gender
    without = ", no CelebA" if published else ""
    # beside a joint search the final model's part calls the winner of either search tuned
    by_stages = "tuned by stages" if snapshot.joint else "tuned"
    ways = [
        Way(
            title="untuned",
            runs=untuned_runs(snapshot),
            published=PUBLISHED_UNTUNED,
            absent=_NEEDS_BACKBONES,
        ),
        Way(
            title=f"{by_stages}{without}",
            runs=winner_runs(snapshot, snapshot.last),
            published=PUBLISHED_TUNED,
            absent=_NOT_RUN,
        ),
    ]
    if snapshot.joint:
        runs = winner_runs(snapshot, snapshot.joint)
        ways.append(Way(title=f"tuned jointly{without}", runs=runs, absent="no winner"))
    ways += _finetuned_ways(snapshot)
    for way in ways:
        if published:
            yield way
        elif way.runs or way.absent not in (_NOT_RUN, _NEEDS_BACKBONES):
            yield replace(way, published=None)


def _finetuned_ways(snapshot: Snapshot) -> Iterator[Way]:
    """Yields the pretrained way, and those with unfrozen blocks."""
    columns = snapshot.finetune.columns if snapshot.finetune else ()
    pretrained = [column for column in columns if column.name == "pretrained"]
    runs = snapshot.runs(pretrained[0]) if pretrained else []
    if snapshot.facts.is_of_gender:
        absent = f"not run: needs {_FINETUNE} --celeba MANIFEST"
        title = "tuned, CelebA-pretrained"
        yield Way(title=title, runs=runs, published=PUBLISHED_PRETRAINED, absent=absent)
    elif pretrained:
        yield Way(title=pretrained[0].title, runs=runs, absent=_NOT_RUN)
    for column in columns:
        if column.name.startswith("blocks"):
            yield Way(title=column.title, runs=snapshot.runs(column), absent=column.reason or _NOT_RUN)


def winner_runs(snapshot: Snapshot, result: Result | None) -> list[TrialResult]:
    """Returns the runs of the winner of `result`, more where fine-tuning made them; none without one."""
    if result is None or result.winner is None:
        return []
    tuned = snapshot.finetune and snapshot.finetune.column("tuned")
    is_same = tuned and TrialConfig.from_dict(tuned.config) == result.winner
    again = snapshot.runs(tuned) if tuned and is_same else []
    return max(again, snapshot.runs(result.entry_of(result.winner)), key=len)


def untuned_runs(snapshot: Snapshot) -> list[TrialResult]:
    """Returns the runs of the winner's backbone with the report's first values, by whichever stage.

    Of other data than the report's, those of the values that the first stage began with.
    """
    finetuned = snapshot.finetune and snapshot.finetune.column("untuned")
    if finetuned:
        return snapshot.runs(finetuned)
    last = snapshot.last or snapshot.joint
    if last is None or last.winner is None:
        return []
    entry = snapshot.entry_like(_untuned(snapshot, last.winner))
    return snapshot.runs(entry) if entry else []


def _untuned(snapshot: Snapshot, winner: TrialConfig) -> TrialConfig:
    if not snapshot.facts.is_of_gender and snapshot.staged:
        return snapshot.staged[0].base
    untuned = replace(
        published_base("backbone"), backbone=winner.backbone, **UNTUNED_HEADS.get(winner.backbone, {})
    )
    return replace(untuned, seed=winner.seed, epochs=winner.epochs)  # as all runs of this study

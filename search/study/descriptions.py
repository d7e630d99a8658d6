"""Descriptions of a study in words: its data, its weights, times, and what a later sweep changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_prep.class_names import listed
from search.space.labels import show_value
from search.study.facts import StudyFacts
from search.study.live_state import Live, LiveState
from search.study.stage_results import StageResult
from trainables.features.cache import FEATURE_PRECISIONS


def describe_data(facts: StudyFacts) -> str:
    """Returns the data in words: "80 photographs, 60 subjects, split random, classes cat, dog"."""
    pictures = "drawn faces (no photographs)" if facts.is_drawn else "photographs"
    subjects = f"{facts.subjects:,} subjects" if facts.subjects else "subjects unknown"
    classes = f", classes {listed(facts.class_names)}" if facts.class_names else ""
    return f"{facts.images:,} {pictures}, {subjects}, split {facts.split or 'unknown'}{classes}"


def weights_in_words(weights: str, feature_precision: str = FEATURE_PRECISIONS[0]) -> str:
    """Returns the words for these weights, and for the features that they make."""
    known = {"imagenet": "ImageNet weights", "none": "random weights"}
    words = known.get(weights, f"weights of {Path(weights).name}")
    return (
        words if feature_precision == FEATURE_PRECISIONS[0] else f"{words}, features in {feature_precision}"
    )


def clock_time(seconds: float) -> str:
    """Returns `seconds` as m:ss or h:mm:ss."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def describe_state(live: Live | None) -> str:
    """Returns what the latest run of a study is doing, or what became of it."""
    if live is None:
        return "no run left its state here"
    if live.state is not LiveState.RUNNING:
        when = f"{live.written_at[:19]}Z"
        state = {
            LiveState.ENDED: f"ended at {when}",
            LiveState.INTERRUPTED: f"interrupted at {when}",
            LiveState.SILENT: f"probably killed: silent since {when}",
        }[live.state]
        return f"{state}: {live.reason}" if live.reason else state
    if not live.search:
        return f"running its start on {live.host}"
    left = "" if live.seconds_left is None else f", {clock_time(live.seconds_left)} left"
    return f"running {live.search}: {live.done} of {live.expected} trials{left}, on {live.host}"


_REPEAT = "--repeats auto tells more"


def describe_sweep(results: Sequence[StageResult], sweep: int) -> str:
    """Returns the changes of a later sweep, which tell whether the hyperparameters interact."""
    by_sweep = {(result.stage, result.sweep): result for result in results}
    changes = [
        f"{result.stage} {_shown(by_sweep[result.stage, sweep - 1])} to {_shown(result)}"
        for result in results
        if result.sweep == sweep and changed_winner(by_sweep[result.stage, sweep - 1], result)
    ]
    repeated = all(result.verdict != "single" for result in results)
    if changes and repeated:
        return f"sweep {sweep} changed {', '.join(changes)}: these hyperparameters interact"
    if changes:
        return f"sweep {sweep} changed {', '.join(changes)}, in single runs, so it may be chance; {_REPEAT}"
    if len({result.stage for result in results}) == 1:
        return f"sweep {sweep} changed nothing, as there is one stage only"
    if not repeated:
        return (
            f"sweep {sweep} changed nothing, in single runs, which do not tell whether hyperparameters "
            f"interact; {_REPEAT}"
        )
    return f"sweep {sweep} changed nothing: along these grids the hyperparameters do not interact"


def changed_winner(before: StageResult, now: StageResult) -> bool:
    return _value(before) != _value(now)


def _shown(result: StageResult) -> str:
    return show_value(_value(result))


def _value(result: StageResult) -> object:
    return result.winner and getattr(result.winner, result.hyperparameter)

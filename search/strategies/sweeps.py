"""Sequences of stages: each takes over the winners of those before, sweeps repeat them all."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence

from search.study.descriptions import changed_winner
from search.study.ledger import put_aside
from search.study.stage_results import Result, StageFiles, StageResult

RunStage = Callable[[str, Sequence[Result], int], StageResult]
"""Runs the stage of that name after the results before it, in the sweep of that number (from 1)."""


def put_damaged_aside(files: StageFiles) -> None:
    """Moves each damaged result aside, with a warning that names it; those of another version are refused."""
    for path, error in files.damaged():
        warnings.warn(f"{error}; moved to {put_aside(path).name}", stacklevel=2)


def tell_damaged(files: StageFiles) -> None:
    """Names each damaged result in a warning, and moves nothing; those of another version are refused."""
    for _, error in files.damaged():
        warnings.warn(str(error), stacklevel=2)


def to_decide_again(order: Sequence[str], files: StageFiles) -> list[str]:
    """Returns the stages of `order` whose damaged result was moved aside and that have none since."""
    paths = {name: files.path(name) for name in order}
    return [
        name for name, path in paths.items() if path.with_suffix(".damaged").exists() and not path.exists()
    ]


def earlier_results(name: str, order: Sequence[str], files: StageFiles) -> list[Result]:
    """Returns the results of the stages that stand before `name` in `order` and have finished."""
    before = order[: order.index(name)] if name in order else ()
    return [result for earlier in before if (result := files.find(earlier))]


def run_sequence(
    names: Sequence[str], order: Sequence[str], sweeps: int, files: StageFiles, run: RunStage
) -> Iterator[StageResult]:
    """Runs the stages `names` up to `sweeps` times, keeps each result and yields it.

    In the first sweep a stage takes over the winners of those before it in `order`; from the second on the
    latest winners of all others. It ends after a sweep that changed no winner, or where a stage has none.
    """
    latest: dict[str, StageResult] = {}
    for sweep in range(1, sweeps + 1):
        changed = False
        for name in names:
            if sweep == 1:
                before: Sequence[Result] = earlier_results(name, order, files)
            else:
                before = [latest[other] for other in names if other != name]
            result = run(name, before, sweep)
            files.write(result)  # before it is told: a run that is killed now goes on behind it
            yield result
            if result.winner is None:
                return
            changed = changed or name not in latest or changed_winner(latest[name], result)
            latest[name] = result
        if not changed:
            return

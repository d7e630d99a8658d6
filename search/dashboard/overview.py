"""Studies below a storage: what each is of, how far it is, and what it found last."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import pandas as pd

from data_prep.errors import InputError
from search.space.labels import title_of
from search.study.descriptions import describe_state
from search.study.facts import StudyFacts, read_facts
from search.study.finetune_result import read_finetune
from search.study.index import stamps_in
from search.study.layout import Layout
from search.study.live_state import read_live
from search.study.snapshot import read_stage
from search.study.stage_results import Result, StageResult

_COLUMNS = (
    *("study", "state", "score", "objective", "best so far"),
    *("data", "split", "trials", "decided", "latest result", "changed"),
)


def is_study(folder: Path) -> bool:
    """Returns whether `folder` is a study, also a damaged one or one that is just being made."""
    layout = Layout(folder)
    return layout.facts.exists() or layout.live.exists()


def studies_in(storage: Path) -> list[Path]:
    """Returns the folders of the studies below `storage` by name; `storage` itself where it is one.

    Raises InputError where the folder cannot be listed.
    """
    if is_study(storage):
        return [storage]
    try:
        return sorted(folder for folder in storage.iterdir() if folder.is_dir() and is_study(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{storage} cannot be listed ({error.strerror}); give another folder") from None


def overview(storage: Path) -> pd.DataFrame:
    """Returns one row per study: state, trials, latest result; a damaged one's state says what is damaged.

    `score` is the objective of the latest winner, `best so far` the best one after each configuration that a
    search compared. No trial is read, so that it is quick. `changed` is the moment of the last change.
    """
    rows = [_row(folder) for folder in studies_in(storage)]
    table = pd.DataFrame(rows, columns=pd.Index(_COLUMNS))  # named also where there is no row
    return table.sort_values("changed", ascending=False, na_position="last", ignore_index=True)


def _row(folder: Path) -> tuple[object, ...]:
    try:
        facts, live = read_facts(folder), read_live(folder)
        state = describe_state(live)
    except InputError as error:
        facts, state = StudyFacts(), f"damaged: {error}"
    layout = Layout(folder)
    # names and times alone: a storage may hold dozens of studies of thousands of trials each
    stages, trials = _written(layout.stages), _written(layout.trials)
    decided = dict.fromkeys(title_of(path.stem.partition(".")[0]) for path, _ in sorted(stages))
    moments = [moment for _, moment in [*stages, *trials]]
    results = _results(stages)
    return (
        folder.name,
        state,
        *_scores([result for result in results if result]),
        facts.source or "-",
        facts.split or "-",
        len(trials),
        ", ".join(decided) or "none yet",
        _latest(results, folder),
        pd.Timestamp(max(moments), unit="s", tz="UTC") if moments else None,
    )


def _results(stages: Iterable[tuple[Path, float]]) -> list[Result | None]:
    """Returns the results by the time they were written, None for a damaged one."""
    return [_result(path, moment) for path, moment in sorted(stages, key=lambda stage: stage[1])]


# the page is made again every few seconds
@lru_cache(maxsize=4096)
def _result(path: Path, moment: float) -> Result | None:
    try:
        return read_stage(path)
    except (InputError, OSError):  # damaged, or gone this moment
        return None


def _scores(results: Sequence[Result]) -> tuple[float | None, str, list[float]]:
    """Returns the latest winner's objective, what that is called, and the best so far."""
    if not results:
        return None, "-", []
    objective, latest = results[-1].objective, results[-1]
    means = [
        entry.mean
        for result in results
        # those of a joint search stand with the best first, whenever that was tried
        for entry in (result.entries if isinstance(result, StageResult) else result.entries[:1])
        if result.objective == objective and math.isfinite(entry.mean)
    ]
    score = latest.entry_of(latest.winner).mean if latest.winner else None
    return score, objective.name, list(accumulate(means, objective.better))


def _latest(results: Sequence[Result | None], folder: Path) -> str:
    latest = results[-1] if results else None
    with suppress(InputError):  # a damaged file is told where the study is shown
        found = read_finetune(folder)
        if found and not (latest and latest.finished_at > found.finished_at):
            return f"Final model: {found.statement}"
    if not results:
        return "-"
    return f"{title_of(latest.stage)}: {latest.statement}" if latest else "damaged"


def _written(folder: Path) -> list[tuple[Path, float]]:
    """Returns the JSON files in `folder` and when each was changed (unix seconds)."""
    with suppress(OSError):
        return [(folder / name, stamp[0] / 1e9) for name, stamp in stamps_in(folder).items()]
    return []

"""What a stage found, for a person (a table of 80 columns) and for a script (one JSON object)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.finetune.plan import FinetunePlan
from search.space.labels import describe_config, show_value
from search.strategies.estimate import Estimate
from search.strategies.plans import Plan
from search.strategies.staged import StagePlan
from search.study.descriptions import clock_time, describe_data, weights_in_words
from search.study.ledger import Ledger
from search.study.stage_results import Entry, StageResult
from trainables.trial import Trial, TrialResult

LISTED = 40
COMPARED = ("batch_size", "learning_rate", "hidden_units", "dropout")  # where nobody says what was varied


def print_setting(plan: Plan, console: Console) -> None:
    """Prints what is about to be trained on what, and where each fixed value comes from."""
    problem = plan.problem
    names_by_origin: dict[str, list[str]] = {}
    for name, origin in plan.taken_over.items():
        names_by_origin.setdefault(origin, []).append(name)
    fixed = (f"{origin}: {describe_config(plan.base, names)}" for origin, names in names_by_origin.items())
    for line in (
        f"data      {describe_data(problem.facts())}",
        f"networks  {weights_in_words(problem.weights, problem.feature_precision)}, "
        f"Keras on {problem.keras_backend}",
        f"values    {'; '.join(fixed)}",
    ):
        console.print(Text(line), soft_wrap=True)


def print_plan(plan: Plan | FinetunePlan, missing: Mapping[str, Trial], console: Console) -> None:
    """Prints the first trials of a plan, and which of them have to be trained."""
    trials = plan.trials()
    for note in _notes_on(plan):
        console.print(Text(note))
    for trial in trials[:LISTED]:
        state = "to train" if trial.key in missing else "done"
        console.print(Text(f"{trial.key}  {state:<9} {plan.label(trial)}"), soft_wrap=True)
    if len(trials) > LISTED:
        console.print(f"… and {len(trials) - LISTED} more")
    if not trials:
        console.print("the searcher chooses the trials while it runs")


def print_estimate(count: int, expected: Estimate, console: Console) -> None:
    """Prints how long `count` trials will take."""
    basis = "from this study's trials" if expected.measured else "a rough guess, nothing was timed here yet"
    trials = "1 trial" if count == 1 else f"{count} trials"
    console.print(
        f"{trials} to train, about {clock_time(expected.total_s)} on one worker, "
        f"of it features {clock_time(expected.feature_s)} ({basis})",
        highlight=False,
        soft_wrap=True,
    )


def plan_json(
    plans: Sequence[Plan | FinetunePlan], folder: Path, missing: Mapping[str, Trial], expected: Estimate
) -> dict[str, Any]:
    """Returns what a dry run prints for scripts."""
    return {
        "study": folder.name,
        "trials": [
            {
                "key": trial.key,
                "config": trial.config.to_dict(),
                "split": trial.split,
                "done": trial.key not in missing,
            }
            for plan in plans
            for trial in plan.trials()
        ],
        "notes": [note for plan in plans for note in _notes_on(plan)],
        "estimated_seconds": expected.total_s,
    }


def print_stage(result: StageResult, console: Console) -> None:
    """Prints the table of a stage, the notes on it, and who won."""
    repeated = any(len(entry.trials) > 1 for entry in result.entries)
    title = "Joint search" if result.search else f"Stage {result.stage}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column((result.hyperparameter or "configuration").replace("_", " "), overflow="fold")
    for name in ("mean val acc", *(["±"] if repeated else []), "best", "epoch", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for number, entry in enumerate(result.entries):
        label, remark = Text(_label(number, entry, result)), Text(_remark(entry, result))
        table.add_row(label, *_cells(entry, repeated), remark, style=_style(entry, result))
    console.print(table)
    if result.objective.metric == "mean_val_accuracy":
        console.print("mean val acc: mean over the epochs of the validation accuracy", style="dim")
    for note in result.notes:
        console.print(Text(f"note: {note}", style="dim"))
    console.print(Text(f"winner: {result.statement}"))


def result_json(
    results: Sequence[StageResult],
    folder: Path,
    made_of: Mapping[str, Any],
    ledger: Ledger,
    seconds: float,
    reading: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Returns the object that `search.run --json` prints; its keys are kept for scripts.

    With several results `stage` is "all", `stages` names them, and the winner is the last one's.
    """
    last = results[-1]
    return {
        "study": folder.name,
        "folder": str(folder),
        "stage": last.stage if len(results) == 1 else "all",
        "objective": asdict(last.objective),
        "data_digest": made_of["data_digest"],
        "drawn": made_of["source"] == "sample",
        "weights": made_of["weights"],
        "keras_backend": made_of["keras_backend"],
        "split": last.protocol.split,
        "taken_over": dict(last.taken_over),
        "trials": _trials_json(results, ledger),
        "winner": last.winner and last.winner.to_dict(),
        "verdict": last.verdict,
        "statement": last.statement,
        "notes": list(last.notes),
        "stages": [
            {
                "stage": result.stage,
                "sweep": result.sweep,
                "winner": result.winner and result.winner.to_dict(),
                "verdict": result.verdict,
                "statement": result.statement,
            }
            for result in results
        ],
        "final": reading and dict(reading),
        "seconds": seconds,
    }


def _trials_json(results: Iterable[StageResult], ledger: Ledger) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for result in results:
        for entry in result.entries:
            for number, key in enumerate(entry.trials):
                trial = ledger.find_key(key)
                if trial and key not in rows:
                    rows[key] = _trial_json(trial, reused=key in entry.reused)
                elif not trial:
                    rows.setdefault(key, _unfinished_json(number, entry, result.protocol.splits))
    return list(rows.values())


def _cells(entry: Entry, repeated: bool) -> list[str]:
    figures = [entry.mean, *([entry.spread] if repeated else []), entry.best_val_accuracy]
    epoch = "-" if entry.best_epoch is None else str(entry.best_epoch)
    return [*(_figure(value) for value in figures), epoch, f"{entry.seconds:.1f}"]


def _notes_on(plan: Plan | FinetunePlan) -> list[str]:
    if isinstance(plan, StagePlan | FinetunePlan) or not plan.is_population:
        return []
    return [f"{len(plan.trials())} members, trained anew"]


def _label(number: int, entry: Entry, result: StageResult) -> str:
    """Returns what the entry of that number, from 0, is called; a population's members have its order."""
    if not result.search:
        return show_value(entry.value)
    values = describe_config(entry.config, result.search.get("space", COMPARED))
    members = result.search.get("members", ())
    known_as = members[number].get("number") if number < len(members) else None
    return values if known_as is None else f"member {known_as}: {values}"


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def _remark(entry: Entry, result: StageResult) -> str:
    words = []
    if entry.config == result.winner:
        words.append("winner")
    elif entry.tied:
        words.append("tied")
    if entry.status != "COMPLETED":
        words.append(entry.status + (f": {entry.reason}" if entry.reason else ""))
    if entry.reused:
        words.append("reused" if len(entry.reused) == len(entry.trials) else f"{len(entry.reused)} reused")
    return ", ".join(words)


def _style(entry: Entry, result: StageResult) -> str:
    return "bold" if entry.config == result.winner else ""


def _trial_json(result: TrialResult, *, reused: bool) -> dict[str, Any]:
    value, best = result.mean_val_accuracy, result.best_val_accuracy
    plain = result.to_dict()
    return {
        "key": result.trial.key,
        "config": plain["config"],
        "split": result.trial.split,
        "status": result.status.value,
        "reason": result.reason,
        "value": None if math.isnan(value) else value,
        "best_val_accuracy": None if math.isnan(best) else best,
        "best_epoch": result.best_epoch,
        "epochs": plain["epochs"],
        "seconds": result.seconds,
        "reused": reused,
    }


def _unfinished_json(number: int, entry: Entry, splits: Sequence[str]) -> dict[str, Any]:
    """`number` counts the runs of the entry: all seeds of the first split, then those of the next."""
    split, repeat = divmod(number, len(entry.trials) // len(splits))
    return {
        "key": entry.trials[number],
        "config": replace(entry.config, seed=entry.config.seed + repeat).to_dict(),
        "split": splits[split],
        "status": entry.status,
        "reason": entry.reason,
        "value": None,
        "best_val_accuracy": None,
        "best_epoch": None,
        "epochs": [],
        "seconds": 0.0,
        "reused": False,
    }

"""The JSON objects that search.run prints for scripts; their keys are kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from search.finetune.plan import FinetunePlan
from search.output.tables import _notes_on
from search.strategies.estimate import Estimate
from search.strategies.plans import Plan
from search.study.facts import StudyFacts
from search.study.finetune_result import FinetuneResult
from search.study.ledger import Ledger
from search.study.outcome import Outcome
from search.study.stage_results import Entry, Result
from trainables.trial import Trial, TrialResult


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


def result_json(
    outcome: Outcome, folder: Path, made_of: StudyFacts, ledger: Ledger, seconds: float
) -> dict[str, Any]:
    """Returns the object that `search.run --json` prints; its keys are kept for scripts.

    With several results its `stage` is "all", `stages` names them, and the winner is the last one's.
    """
    results, worth, reading = outcome.results, outcome.split_worth, outcome.reading
    last = results[-1]
    return {
        "study": folder.name,
        "folder": str(folder),
        "stage": last.stage if len(results) == 1 else "all",
        "objective": asdict(last.objective),
        "data_digest": made_of.data_digest,
        "drawn": made_of.is_drawn,
        "weights": made_of.weights,
        "keras_backend": made_of.keras_backend,
        "split": last.protocol.split,
        "taken_over": dict(last.taken_over),
        "trials": _trials_json(results, ledger),
        "winner": last.winner and last.winner.to_dict(),
        "verdict": last.verdict,
        "statement": last.statement,
        "notes": list(last.notes),
        "baselines": [asdict(baseline) for baseline in last.baselines],
        "corrected": last.corrected,
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
        "split_worth": worth and {**worth.to_dict(), "statement": worth.statement},
        "final": reading and dict(reading),
        "seconds": seconds,
    }


def _trials_json(results: Iterable[Result], ledger: Ledger) -> list[dict[str, Any]]:
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


def _trial_json(result: TrialResult, *, reused: bool) -> dict[str, Any]:
    value, best = result.mean_val_accuracy, result.best_val_accuracy
    plain = result.to_dict()
    return {
        "key": result.trial.key,
        "config": plain["config"],
        "split": result.trial.split,
        "status": result.status.value,
        "reason": result.reason,
        "value": None if math.isnan(value) else value,  # json would write NaN, which is no JSON
        "best_val_accuracy": None if math.isnan(best) else best,
        "best_epoch": result.best_epoch,
        "train_accuracy_at_inference": result.train_accuracy_at_inference,
        "one_class_epochs": result.one_class_epochs,
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
        "train_accuracy_at_inference": None,
        "one_class_epochs": None,
        "epochs": [],
        "seconds": 0.0,
        "reused": False,
    }


def finetune_json(
    result: FinetuneResult, folder: Path, made_of: StudyFacts, seconds: float
) -> dict[str, Any]:
    """Returns what `search.run --json` prints of a run that did nothing else, as far as stages have it."""
    winner = result.column(result.winner or "")
    return {
        "study": folder.name,
        "folder": str(folder),
        "stage": "finetune",
        "data_digest": made_of.data_digest,
        "drawn": made_of.is_drawn,
        "weights": made_of.weights,
        "keras_backend": made_of.keras_backend,
        "split": result.split,
        "winner": winner and dict(winner.config),
        "verdict": result.verdict,
        "statement": result.statement,
        "baselines": [asdict(baseline) for baseline in result.baselines],
        "seconds": seconds,
    }

"""Tables of a study for pandas: its trials, their epochs, what its stages found.

pandas is imported where a table is made: a study is also read by commands that make none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from search.space.labels import describe_config
from search.study.stage_results import Result
from trainables.objective import PROBABILITY_FIGURES
from trainables.trial import EpochMetrics, TrialConfig, TrialResult

if TYPE_CHECKING:
    import pandas as pd

_CONFIG = [item.name for item in fields(TrialConfig)]
_METRICS = [item.name for item in fields(EpochMetrics) if item.name not in PROBABILITY_FIGURES]
_ENDED = (
    *("split", "status", "objective", "best_val_accuracy", "best_epoch"),
    *("train_accuracy_at_inference", "one_class_epochs", "seconds", "reason"),
)
TRIAL_COLUMNS = ("key", *_CONFIG, *_ENDED)
EPOCH_COLUMNS = ("key", *_METRICS)
RESULT_COLUMNS = ("stage", "sweep", "winner", "objective", "verdict", "statement")


def trial_table(trials: Iterable[TrialResult]) -> pd.DataFrame:
    """Returns one row per trial with TRIAL_COLUMNS: its hyperparameters, and how it ended.

    `objective` is the mean validation accuracy over its epochs, NaN without one;
    `train_accuracy_at_inference` is of the last epoch, `one_class_epochs` counts those that gave one class to
    all validation rows.
    """
    import pandas as pd

    rows = [
        {
            "key": trial.trial.key,
            **asdict(trial.trial.config),
            "split": trial.trial.split,
            "status": trial.status.value,
            "objective": trial.mean_val_accuracy,
            "best_val_accuracy": trial.best_val_accuracy,
            "best_epoch": trial.best_epoch,
            "train_accuracy_at_inference": trial.train_accuracy_at_inference,
            "one_class_epochs": trial.one_class_epochs,
            "seconds": trial.seconds,
            "reason": trial.reason,
        }
        for trial in trials
    ]
    # named, so that a table without rows has them, too
    return pd.DataFrame(rows, columns=pd.Index(TRIAL_COLUMNS))


def epoch_table(trials: Iterable[TrialResult]) -> pd.DataFrame:
    """Returns one row per epoch of each trial with EPOCH_COLUMNS; `key` is the trial's.

    Figures that an objective asked for have a column each behind them.
    """
    import pandas as pd

    rows = [{"key": trial.trial.key, **epoch.to_dict()} for trial in trials for epoch in trial.epochs]
    asked = [name for name in PROBABILITY_FIGURES if any(name in row for row in rows)]
    return pd.DataFrame(rows, columns=pd.Index([*EPOCH_COLUMNS, *asked]))


def result_table(results: Iterable[Result]) -> pd.DataFrame:
    """Returns one row per finished stage or joint search with RESULT_COLUMNS: who won, how surely."""
    import pandas as pd

    rows = [
        [result.stage, result.sweep, _winner(result), _objective(result), result.verdict, result.statement]
        for result in results
    ]
    return pd.DataFrame(rows, columns=pd.Index(RESULT_COLUMNS))


def _objective(result: Result) -> float | None:
    return result.entry_of(result.winner).mean if result.winner else None


def _winner(result: Result) -> str:
    return describe_config(result.winner, result.varied) if result.winner else "none"

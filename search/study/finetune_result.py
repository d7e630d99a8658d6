"""What fine-tuning found: one column per way to the final model, and which of them is best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.storage.json_files import read_as
from data_prep.storage.schema import Seconds, require_schema
from search.statistics.baselines import Baseline, baselines_of
from search.statistics.calibration import Calibration
from search.statistics.verdict_text import standing
from search.study.formats import FINETUNE
from search.study.layout import Layout
from trainables.objective import OBJECTIVES, Objective

if TYPE_CHECKING:
    import pandas as pd

FINETUNE_METRICS = ("accuracy", "val_accuracy", "loss", "val_loss", "auc")
LAST_ACCURACY = OBJECTIVES["val_accuracy"]


def metrics_of(objective: Objective) -> tuple[str, ...]:
    """Returns the metrics that columns are told by: FINETUNE_METRICS, and the one that decides."""
    return tuple(dict.fromkeys((*FINETUNE_METRICS, objective.metric)))


@dataclass(frozen=True, kw_only=True)
class ColumnResult:
    """A column of the final table, last epoch, as mean and standard deviation over the runs.

    `figures` has a pair for each metric; a deviation is None with fewer than two runs. The last
    five compare with the winner, as in `search.study.stage_results.Entry`.
    """

    name: str
    title: str
    config: Mapping[str, Any]
    start: str
    trials: tuple[str, ...]
    figures: Mapping[str, tuple[float | None, float | None]]
    seconds: Seconds
    reason: str = ""
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    tied: bool | None = None
    equivalent: bool | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class FinetuneResult:
    """What fine-tuning found, as it stands in `finetune.json`; `winner` names the column with the best mean.

    The verdict is of the `objective` after the last epoch, by the rules of `search.statistics.selection`; the
    search was decided by `searched_by`. `not_for_new` is as in Decision.
    """

    columns: tuple[ColumnResult, ...]
    winner: str | None
    verdict: str
    statement: str
    origin: str
    split: str
    seeds: tuple[int, ...]
    pretraining: Mapping[str, Any] | None
    breakdown: Mapping[str, Any] | None
    seconds: Seconds
    finished_at: str  # ISO 8601, UTC
    baselines: tuple[Baseline, ...] = ()
    objective: Objective = LAST_ACCURACY
    searched_by: Objective = LAST_ACCURACY
    calibration: Calibration | None = None  # of the final model
    not_for_new: str = ""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of each column."""
        return metrics_of(self.objective)

    @property
    def decided_by(self) -> str:
        """The sentence on why another figure decides here than did in the search; empty where none does."""
        if self.objective == self.searched_by:
            return ""
        return (
            f"The ways are compared by the {self.objective.name}, whose weights the final model has; the "
            f"search was decided by the {self.searched_by.name}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON values."""
        calibration = self.calibration and self.calibration.to_dict()
        return {"format": FINETUNE.number, **asdict(self), "calibration": calibration}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FinetuneResult:
        """Returns what `to_dict` wrote; raises ValueError, KeyError or TypeError on anything else."""
        values = {name: value for name, value in values.items() if name != "format"}
        read: dict[str, Any] = {
            "columns": tuple(map(_column, values["columns"])),
            "seeds": tuple(values["seeds"]),
            "baselines": baselines_of(values.get("baselines", ())),
            "calibration": values.get("calibration") and Calibration.from_dict(values["calibration"]),
            **{name: Objective(**values[name]) for name in ("objective", "searched_by") if name in values},
        }
        result = cls(**{**values, **read})
        require_schema(result)
        return result

    def table(self) -> pd.DataFrame:
        """Returns one row per column, with its metrics as means, and the difference to the winner."""
        import pandas as pd  # takes as long as all the rest, and only people at Python ask for tables

        return pd.DataFrame(
            {
                "way": column.title,
                **{metric: column.figures[metric][0] for metric in self.metrics},
                "runs": len(column.trials),
                "seconds": column.seconds,
                "difference": column.difference,
                "p_value": column.p_value,
                "tied": column.tied,
                "equivalent": column.equivalent,
            }
            for column in self.columns
        )

    def __repr__(self) -> str:
        return f"FinetuneResult({self.statement!r}, {len(self.columns)} ways)"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.statement)}</p>{self.table().to_html(index=False)}"

    def standing(self, column: ColumnResult) -> str:
        """Returns how `column` stands among those compared, in a word."""
        return standing(self.verdict, column.tied, column.equivalent, won=column.name == self.winner)

    def column(self, name: str) -> ColumnResult | None:
        """Returns the column called `name`, None where it was not run."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, kw_only=True)
class FinalModel:
    """The final model of a study: its file, which plain Keras loads, and what the ways to it gave."""

    path: Path
    result: FinetuneResult

    def table(self) -> pd.DataFrame:
        """Returns the table of `result`."""
        return self.result.table()

    def _repr_html_(self) -> str:
        return f"{self.result._repr_html_()}<p>{escape(str(self.path))}</p>"


def read_finetune(folder: Path) -> FinetuneResult | None:
    """Returns what fine-tuning found in the study's folder, None where it has not run.

    Raises InputError where the file is damaged.
    """
    way_out = "remove it and run the stage again, which reuses its trials"
    return read_as(Layout(folder).finetune, FINETUNE, FinetuneResult.from_dict, way_out=way_out)


def _column(values: Mapping[str, Any]) -> ColumnResult:
    # JSON has lists only
    figures = {metric: tuple(pair) for metric, pair in values["figures"].items()}
    interval = values.get("interval") and tuple(values["interval"])
    trials = tuple(values["trials"])
    return ColumnResult(**{**values, "figures": figures, "interval": interval, "trials": trials})

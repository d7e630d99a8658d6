"""What fine-tuning found: a column a way to the final model, and which of them is best."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from search.study.formats import FINETUNE_FORMAT, require_format
from search.study.layout import Layout

FINETUNE_METRICS = ("accuracy", "val_accuracy", "loss", "val_loss", "auc")


@dataclass(frozen=True, kw_only=True)
class ColumnResult:
    """A column of the final table, last epoch, as mean and standard deviation over the runs.

    `figures` has a pair for each of FINETUNE_METRICS; a deviation is None with fewer than two runs. The last
    four compare with the winner, as in `search.study.stage_results.Entry`.
    """

    name: str
    title: str
    config: Mapping[str, Any]
    start: str
    trials: tuple[str, ...]
    figures: Mapping[str, tuple[float | None, float | None]]
    seconds: float
    reason: str = ""
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    tied: bool | None = None


@dataclass(frozen=True, kw_only=True)
class FinetuneResult:
    """What fine-tuning found, as it stands in `finetune.json`; `winner` names the column with the best mean.

    The verdict is of the last epoch's validation accuracy, by the rules of `search.statistics.selection`.
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
    seconds: float
    finished_at: str  # ISO 8601, UTC

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON values."""
        return {"format": FINETUNE_FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FinetuneResult:
        """Returns what `to_dict` wrote; raises ValueError, KeyError or TypeError on anything else."""
        values = dict(values)
        require_format(values.pop("format"), FINETUNE_FORMAT)
        columns = tuple(
            ColumnResult(**{**column, "trials": tuple(column["trials"])}) for column in values["columns"]
        )
        return cls(**{**values, "columns": columns, "seeds": tuple(values["seeds"])})

    def column(self, name: str) -> ColumnResult | None:
        """Returns the column called `name`, None where it was not run."""
        return next((column for column in self.columns if column.name == name), None)


def read_finetune(folder: Path) -> FinetuneResult | None:
    """Returns what fine-tuning found in the study's folder, None where it has not run.

    Raises InputError where the file is damaged.
    """
    path = Layout(folder).finetune
    try:
        return FinetuneResult.from_dict(json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged ({error}); remove it and run the stage again, which reuses its trials"
        ) from error

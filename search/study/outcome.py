"""Outcome of a run: everything that it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search.statistics.split_worth import SplitWorth
from search.study.finetune_result import FinetuneResult
from search.study.stage_results import Result


@dataclass
class Outcome:
    """The results of a run in their order, its reading of held-out data, and its fine-tuning.

    `split_worth` says what a random split adds to the last winner's accuracy.
    """

    results: list[Result] = field(default_factory=list)
    split_worth: SplitWorth | None = None
    reading: Mapping[str, Any] | None = None
    finetune: FinetuneResult | None = None

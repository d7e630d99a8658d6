"""The plan of a joint search: the space that it tries, and what is known of its trials before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from data_prep.errors import InputError
from search.space.joint_space import POPULATION, Space, Starts, grid_of, random_configs
from search.space.labels import describe_config, run_label
from search.statistics.paired_tests import MARGIN
from search.statistics.selection import Selection
from search.statistics.verdict_text import statement
from search.study.comparison import Candidate, runs_of
from search.study.setup import Problem
from trainables.hyperparameters import Range
from trainables.trial import MEMBER, Trial, TrialConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class JointPlan:
    """Plan of a joint search: the `space` that it tries around `base`, and how.

    `samples` is None for all of a grid; `repeats` above 1 repeats the best configurations with as many
    fresh seeds, which alone decide then; with `ablate` the winner also runs with each of its values as in
    `base`. It begins with `starts`.
    """

    problem: Problem
    base: TrialConfig
    taken_over: Mapping[str, str]
    space: Space
    search: str
    scheduler: str
    samples: int | None
    time_budget_s: float | None
    repeats: int
    margin: float = MARGIN
    ablate: bool = False
    starts: Starts = field(default_factory=Starts)

    def __post_init__(self) -> None:
        several = len(self.problem.splits) > 1
        if several and (self.scheduler != "none" or self.search == "tpe"):
            raise InputError(
                f"--search {self.search} with --scheduler {self.scheduler} compares runs of one split, "
                f"--split {self.problem.protocol} has {len(self.problem.splits)}; use random or group"
            )

    @property
    def is_population(self) -> bool:
        """Whether its trials are members, whose values change while they train, anew in every run."""
        return self.scheduler == POPULATION

    def settings(self) -> dict[str, Any]:
        """Returns what was asked, as JSON values."""
        return {
            "search": self.search,
            "scheduler": self.scheduler,
            "num_samples": self.samples,
            "time_budget_s": self.time_budget_s,
            "space": {
                name: [values.low, values.high] if isinstance(values, Range) else list(values)
                for name, values in self.space.items()
            },
            "base": self.base.to_dict(),
            **({"start_from": self.starts.study} if self.starts.study else {}),
        }

    def trials(self) -> list[Trial]:
        """Returns the trials known before the search begins: none of them where TPE suggests them."""
        if self.search == "tpe":
            return []
        if self.search == "grid":
            configs = grid_of(self.base, self.space)
        else:
            configs = random_configs(self.base, self.space, self.samples or 0)
        # starts are among the samples
        configs = list(dict.fromkeys((*self.starts.configs, *configs)))[: self.samples]
        runs = [run for config in configs for run in runs_of(config, self.problem, [self.base.seed])]
        # its values change: no trial of the ledger is a member
        return [replace(run, start=MEMBER) for run in runs] if self.is_population else runs

    def statement(self, selection: Selection, candidates: Sequence[Candidate]) -> str:
        """Returns the selection in words; ties are counted, as each name is a whole configuration."""
        names = [describe_config(candidate.config, self.space) for candidate in candidates]
        return statement(selection, names, named=0)

    def member_number(self, start: TrialConfig) -> int:
        """Returns the number, from 1, of the member that starts from these values."""
        return self._numbers[start]

    @cached_property
    def _numbers(self) -> dict[TrialConfig, int]:
        return {trial.config: number for number, trial in enumerate(self.trials(), start=1)}

    def label(self, trial: Trial) -> str:
        """Returns what a person calls `trial`: its values of what is varied, of a member its first ones."""
        if self.is_population:
            values = describe_config(trial.config, self.space)
            return f"member {self.member_number(trial.config)}, from {values}"
        values = describe_config(trial.config, self.space)
        return run_label(values, trial, seeds=self.repeats > 1, splits=len(self.problem.splits) > 1)

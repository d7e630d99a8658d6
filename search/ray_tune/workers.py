"""Workers of a driver with a progress display: what the strategies train with.

Ray takes seconds to import: a search whose trials are all in the ledger does without.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from search.callbacks.callback import Callback, Callbacks
from search.callbacks.progress_display import progress_on
from search.ray_tune.policy import Policy
from search.study.search_id import SearchId
from search.study.setup import Problem
from trainables.trial import Trial, TrialConfig, TrialResult

if TYPE_CHECKING:
    from search.ray_tune.collector import Member
    from search.ray_tune.driver import Driver
    from search.ray_tune.searchers import KnowingSearcher

Label = Callable[[Trial], str]
"""Returns what a person calls a trial within a search."""

Drive = Callable[[], "Driver"]
"""Returns the driver, the same at each call; the first makes it."""


@dataclass(frozen=True)
class WorkerPool:
    """The workers for trials of `problem`, one search after the other; `callbacks` hear what they train."""

    problem: Problem
    drive: Drive
    console: Console
    callbacks: Sequence[Callback]

    def workers(self, search: SearchId, label: Label) -> Workers:
        """Returns the workers of a search."""
        return Workers(self.problem, self.drive, search, label, self)

    def train(
        self, problem: Problem, search: SearchId, label: Label, trials: Sequence[Trial], keep: Collection[str]
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of those trials, of any problem, that ended; see `Driver.train`."""
        drive = self.drive if problem is self.problem else cache(lambda: self.drive().of(problem))
        return Workers(problem, drive, search, label, self).train(trials, Policy(), keep)

    def write_model(
        self, config: Mapping[str, object], weights: str, kept: Path, path: Path, temperature: float
    ) -> None:
        """Writes a final model in a worker; see `trainables.inference.deployed_model.write_model`."""
        from trainables import errands  # late: it imports Ray

        self.console.print("writing the final model")
        traits = self.problem.code, weights, kept, path, temperature
        self.drive().call(errands.write_model, TrialConfig.from_dict(config), *traits)


@dataclass(frozen=True)
class Workers:
    """The workers of one search, each of whose calls has a progress display of its own."""

    problem: Problem
    drive: Drive
    search_id: SearchId
    label: Label
    pool: WorkerPool

    def train(
        self, trials: Sequence[Trial], policy: Policy, keep: Collection[str] = ()
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of those of `trials` that ended; the weights of `keep` outlast them."""
        with self._callback(len(trials)) as callback:
            return self.drive().train(trials, callback, policy, keep) if trials else {}

    def search(
        self, searcher: KnowingSearcher, base: TrialConfig, expected: int, policy: Policy
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of the suggestions that ended, `expected` of them where time allows."""
        with self._callback(expected) as callback:
            return self.drive().search(searcher, base, callback, policy)

    def population(self, configs: Sequence[TrialConfig], split: str, policy: Policy) -> list[Member]:
        """Returns the members that started from `configs`."""
        with self._callback(len(configs)) as callback:
            return self.drive().population(configs, split, callback, policy)

    @contextmanager
    def _callback(self, total: int) -> Iterator[Callback]:
        console = self.pool.console
        with progress_on(console, str(self.search_id), total, self.label) as progress:
            progress.objective = self.problem.objective
            callbacks = Callbacks((progress, *self.pool.callbacks))
            callbacks.search_began(self.search_id, total)
            if total and not self.drive().is_connected:
                console.print("starting Ray")
            yield callbacks

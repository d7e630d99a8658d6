"""Workers of a driver with a progress display: what the strategies train with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from search.callbacks.callback import Callback, Callbacks
from search.callbacks.progress_display import progress_on
from search.ray_tune.collector import Member, Policy
from search.ray_tune.driver import Driver
from search.ray_tune.searchers import KnowingSearcher
from search.study.search_id import SearchId
from search.study.setup import Problem
from trainables import errands
from trainables.trial import Trial, TrialConfig, TrialResult

Label = Callable[[Trial], str]
"""Returns what a person calls a trial within a search."""


@dataclass(frozen=True)
class WorkerPool:
    """The workers of `driver`, for one search after the other; `callbacks` hear of what they train."""

    driver: Driver
    console: Console
    callbacks: Sequence[Callback]

    def workers(self, search: SearchId, label: Label) -> Workers:
        """Returns the workers of a search."""
        return Workers(self.driver, search, label, self)

    def train(
        self, problem: Problem, search: SearchId, label: Label, trials: Sequence[Trial], keep: Collection[str]
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of those trials, of any problem, that ended; see `Driver.train`."""
        driver = self.driver if problem is self.driver.problem else self.driver.of(problem)
        return Workers(driver, search, label, self).train(trials, Policy(), keep)

    def write_model(
        self, config: Mapping[str, object], weights: str, kept: Path, path: Path, temperature: float
    ) -> None:
        """Writes a final model in a worker; see `trainables.inference.deployed_model.write_model`."""
        self.console.print("writing the final model")
        code = self.driver.problem.code
        self.driver.call(errands.write_model, config, code, weights, kept, path, temperature)


@dataclass(frozen=True)
class Workers:
    """The workers of one search, each of whose calls has a progress display of its own."""

    driver: Driver
    search_id: SearchId
    label: Label
    pool: WorkerPool

    def train(
        self, trials: Sequence[Trial], policy: Policy, keep: Collection[str] = ()
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of those of `trials` that ended; the weights of `keep` outlast them."""
        with self._callback(len(trials)) as callback:
            return self.driver.train(trials, callback, policy, keep)

    def search(
        self, searcher: KnowingSearcher, base: TrialConfig, expected: int, policy: Policy
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of the suggestions that ended, `expected` of them where time allows."""
        with self._callback(expected) as callback:
            return self.driver.search(searcher, base, callback, policy)

    def population(self, configs: Sequence[TrialConfig], split: str, policy: Policy) -> list[Member]:
        """Returns the members that started from `configs`."""
        with self._callback(len(configs)) as callback:
            return self.driver.population(configs, split, callback, policy)

    @contextmanager
    def _callback(self, total: int) -> Iterator[Callback]:
        console = self.pool.console
        with progress_on(console, str(self.search_id), total, self.label) as progress:
            progress.objective = self.driver.problem.objective
            callbacks = Callbacks((progress, *self.pool.callbacks))
            callbacks.search_began(self.search_id, total)
            if total and not self.driver.is_connected:
                console.print("starting Ray")
            yield callbacks

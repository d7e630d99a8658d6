"""Workers of a driver with a progress display: what the strategies train with.

Ray takes seconds to import: a search whose trials are all in the ledger does without.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from search.callbacks.callback import Callback, Callbacks
from search.callbacks.progress_display import progress_on
from search.ray_tune.policy import Policy
from search.study.holding.shared_work import SharedWork
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
    sharing: SharedWork | None = None

    def workers(self, search: SearchId, label: Label) -> Workers:
        """Returns the workers of a search."""
        return Workers(self.problem, self.drive, search, label, self)

    def train(
        self, problem: Problem, search: SearchId, label: Label, trials: Sequence[Trial], keep: Collection[str]
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of those trials, of any problem, that ended; see `Driver.train`."""
        drive = self.drive if problem is self.problem else cache(lambda: self.drive().of(problem))
        return Workers(problem, drive, search, label, self).train(trials, Policy(), keep)

    def tell_start(self) -> None:
        """Tells that Ray starts, which takes seconds, where it does with the next work."""
        if not self.drive().is_connected:
            self.console.print("starting Ray")

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
        with self._callback(len(trials), trials) as callback:
            # a scheduler compares those of one driver, and weights that are kept lie where they were trained
            if self.pool.sharing and policy.scheduler is None and not keep:
                return self._shared(trials, self.pool.sharing, callback, replace(policy, shares=True))
            return self._train(trials, callback, policy, keep)

    def _train(
        self, trials: Sequence[Trial], callback: Callback, policy: Policy, keep: Collection[str] = ()
    ) -> Mapping[str, TrialResult]:
        return self.drive().train(trials, callback, self._of_study(policy), keep) if trials else {}

    def _of_study(self, policy: Policy) -> Policy:
        return replace(policy, sharing=self.pool.sharing)

    def _shared(
        self, trials: Sequence[Trial], sharing: SharedWork, callback: Callback, policy: Policy
    ) -> Mapping[str, TrialResult]:
        """Trains what no other driver of the study has, and waits for the rest."""
        results: dict[str, TrialResult] = {}
        left, told = list(trials), ""
        while left:
            sharing.require_open()
            free = sharing.free(left)
            trained = self._train(free, callback, policy)
            sharing.give_up([trial.key for trial in free])
            if not sharing.was_shared:
                return trained
            others = [trial for trial in left if trial.key not in trained]
            heard = sharing.finished(others, self.problem)
            for result in heard.values():
                callback.trial_ended(result)
            results |= {**trained, **heard}
            left = [trial for trial in left if trial.key not in results]
            if policy.is_over:
                break
            if left and not trained and not heard:
                told = self._wait_for(left, sharing, told)
        return results

    def _wait_for(self, trials: Sequence[Trial], sharing: SharedWork, told: str) -> str:
        """Waits a moment for others; says which trials they have, unless that is as it was `told`."""
        taken: dict[str, list[str]] = {}
        for trial in trials:
            if owner := sharing.owner_of(trial):
                taken.setdefault(str(owner), []).append(self.label(trial))
        said = "; ".join(f"{owner}, which trains {', '.join(labels)}" for owner, labels in taken.items())
        if said and said != told:
            self.pool.console.print(f"waits     for {said}", soft_wrap=True, highlight=False)
        from search.ray_tune.stop_requests import require_no_request  # late: it imports Ray

        require_no_request(sharing.folder, forgets=sharing.holds)
        sharing.wait()
        return said or told

    def search(
        self, searcher: KnowingSearcher, base: TrialConfig, expected: int, policy: Policy
    ) -> Mapping[str, TrialResult]:
        """Returns by key the results of the suggestions that ended, `expected` of them where time allows."""
        with self._callback(expected) as callback:
            return self.drive().search(searcher, base, callback, self._of_study(policy))

    def population(self, configs: Sequence[TrialConfig], split: str, policy: Policy) -> list[Member]:
        """Returns the members that started from `configs`."""
        with self._callback(len(configs)) as callback:
            return self.drive().population(configs, split, callback, self._of_study(policy))

    @contextmanager
    def _callback(self, total: int, planned: Sequence[Trial] = ()) -> Iterator[Callback]:
        console = self.pool.console
        with progress_on(console, str(self.search_id), total, self.label) as progress:
            progress.objective = self.problem.objective
            callbacks = Callbacks((progress, *self.pool.callbacks))
            callbacks.search_began(self.search_id, total)
            if planned:
                callbacks.trials_planned(planned)
            if total:
                self.pool.tell_start()
            yield callbacks

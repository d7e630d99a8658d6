"""Runs as a strategy asks for them: from the ledger, else trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from search.study.comparison import scored
from search.study.ledger import Ledger, finished_trials
from search.study.setup import Problem
from trainables.trial import Trial, TrialResult

Train = Callable[[Sequence[Trial]], Mapping[str, TrialResult]]


class TrialRuns:
    """Runs as they are asked for: from the ledger, else trained.

    `results` are of all that were asked for and ended, `reused` of those that were in the ledger, by key;
    `started` is when (perf_counter) the first could have begun.
    """

    def __init__(self, ledger: Ledger, train: Train, problem: Problem) -> None:
        self.ledger, self._train, self._problem = ledger, train, problem
        self.started = time.perf_counter()
        self.results: dict[str, TrialResult] = {}
        self.reused: dict[str, TrialResult] = {}

    def of(self, trials: Sequence[Trial]) -> Mapping[str, TrialResult]:
        """Returns by key the results of all that were asked for so far and ended, `trials` among them."""
        asked = [run for run in trials if run.key not in self.results]
        finished = finished_trials(asked, self.ledger)
        found = {key: scored(result, self._problem, self.ledger) for key, result in finished.items()}
        trained = self._train([run for run in asked if run.key not in found])
        self.add({**found, **trained}, reused=found)
        return self.results

    def add(self, results: Mapping[str, TrialResult], *, reused: Mapping[str, TrialResult]) -> None:
        """Adds the results of runs; those in `reused`, which are among them, stood in the ledger."""
        self.results |= results
        self.reused |= reused

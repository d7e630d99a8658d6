"""A session with Ray: the callbacks, and one search after the other until the final model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console

from data_prep.storage.remote import shown
from search.callbacks.callback import Callback, Callbacks
from search.execution.late_driver import LateDriver
from search.final_model.finetuning import finetune
from search.finetune.plan import FinetunePlan
from search.options.command_line import command_of
from search.output.audit_lines import audit_lines
from search.output.tables import print_finetune_setting, print_next
from search.ray_tune.ahead.process import HeadStart
from search.ray_tune.failures.own_words import own_words_told_or_kept
from search.ray_tune.workers import WorkerPool
from search.strategies.preparation import Prepared
from search.strategies.searches import Searches
from search.strategies.split_worth import split_worth
from search.study.holding.joining import Joined
from search.study.holding.shared_work import SharedWork
from search.study.outcome import Outcome
from search.study.stage_results import require_winner
from search.trackers.run_callbacks import told


class Session:
    """Runs a search that is prepared; progress goes to `console`, which is standard error.

    `finetune_plan` makes the plan for the winner once there is one; `sharing` is this driver's part in the
    study, which another one may hold.
    """

    def __init__(
        self,
        prepared: Prepared,
        console: Console,
        finetune_plan: Callable[[], FinetunePlan],
        sharing: SharedWork,
    ) -> None:
        self._prepared, self._console, self._finetune_plan = prepared, console, finetune_plan
        self._sharing, self._joined = sharing, sharing if isinstance(sharing, Joined) else None
        self._options, self._ledger = prepared.options, prepared.ledger

    def run(self, callbacks: Sequence[Callback], head_start: HeadStart | None) -> Outcome:
        """Trains what is missing and returns what was found; `callbacks` hear of it, `head_start` is used.

        Raises InputError where nothing could be trained.
        """
        verbose, holds = self._options.callbacks.verbose, self._sharing.holds
        with (
            own_words_told_or_kept(self._ledger.folder, verbose=verbose, holds=holds),
            LateDriver(self._prepared, head_start, self._sharing) as late,
            told(self._prepared, self._say, late.cluster, callbacks, holds=holds) as everybody,
        ):
            self._say(f"study     {shown(self._ledger.folder)}")
            for line in audit_lines(self._prepared.problem, self._options):
                self._say(line)
            pool = WorkerPool(
                self._prepared.problem, lambda: late.driver, self._console, everybody, self._sharing
            )
            return self._outcome(pool, late)

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)

    def _outcome(self, pool: WorkerPool, late: LateDriver) -> Outcome:
        def make(backbone: str) -> None:
            pool.tell_start()
            late.make_features(backbone)

        outcome = Outcome()
        searches = Searches(
            self._prepared,
            pool.workers,
            lambda plan: print_next(
                plan, self._options, self._ledger, self._console, running=late.is_connected
            ),
            self._joined,
            make=make,
        )
        for result in searches.results():
            outcome.results.append(result)
            Callbacks(pool.callbacks).search_finished(result)
            require_winner(result)  # after it is told: its table says why
        if self._joined:  # what comes after the searches is the holder's
            return outcome
        if outcome.results:
            outcome.split_worth = split_worth(self._prepared, outcome.results[-1], pool.train)
        if self._options.deciding.final:
            outcome.reading = searches.held_out(outcome.results[-1])
        if self._options.wants_finetuning:
            plan = self._finetune_plan()
            print_finetune_setting(plan, self._console)
            command = command_of(self._options)
            outcome.finetune = finetune(
                plan, self._ledger, pool, command, searches.baselines.of_study, searches.baselines.fit
            )
        return outcome

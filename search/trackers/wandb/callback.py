"""A study in Weights & Biases: one run per trial, grouped by study and stage, and one summary run per stage.

Nothing here waits for W&B while a search runs: another process logs (`search.trackers.wandb.process`).
"""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data_prep.errors import InputError
from search.callbacks.callback import Callback
from search.options.types import OFFLINE, ONLINE
from search.space.labels import show_value
from search.space.stages import FINETUNE
from search.study.finetune_result import read_finetune
from search.study.ledger import Ledger
from search.study.search_id import SearchId, SearchKind
from search.study.stage_results import Result
from search.trackers.runs import Decided, row_of, rows_of, run_name, winners_of
from search.trackers.wandb.logged_runs import Destination, Logged, Note, Run, as_id, upload_s
from search.trackers.wandb.payload import (
    stage_summary_of,
    stage_table,
    state_of,
    summary_of,
)
from search.trackers.wandb.process import Teller
from search.trackers.wandb.runs import DONE, FAILED, HASTE, REFUSED
from trainables.trial import MEMBER, EpochMetrics, Trial, TrialResult, TrialStatus

WAIT_S = 20.0  # how long the end of a search waits for a server, and at most for one run in the folder
_LOOK_S = 0.1


class WandbLog(Callback):
    """Callback that tells the process that logs what happens.

    A trial is what the ledger has of it, also where it is trained again for its weights; one of the ledger
    that was not logged is logged with the stage that reuses it. A run that was logged as it is now is left
    alone, any other is completed (see `search.trackers.wandb.runs.WandbRuns`), with the stage it was first
    logged with. So each is there once, and a search that was interrupted completes what is missing. `say`
    gets what people should know, above all one line at the end.
    """

    def __init__(
        self, destination: Destination, ledger: Ledger, say: Callable[[str], None], *, wait_s: float = WAIT_S
    ) -> None:
        self._destination, self._ledger, self._say, self._wait_s = destination, ledger, say, wait_s
        self._note = Note(destination)
        self._stage = ""
        self._live: dict[str, list[EpochMetrics]] = {}
        self._asked: dict[str, Logged] = {}
        self._done: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        self._teller: Teller | None = None  # begun by what is first to be logged: it costs a process

    def search_began(self, search: SearchId, trials: int) -> None:
        """Notes the stage that the next trials are of."""
        self._stage = search.stage

    def trial_started(self, trial: Trial) -> None:
        """Begins the trial's run online, where somebody may look on.

        A member of a population waits for its end: it may go on from another's epochs.
        """
        if self._destination.mode != ONLINE or trial.start == MEMBER:
            return
        known = self._ledger.find(trial)
        if known is None or known.status is not TrialStatus.COMPLETED:
            run = self._run_of(trial, self._stage)
            self._live.setdefault(run.id, [])
            self._tell("start", run)

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """Logs an epoch of a run that has begun."""
        run_id = self._id(trial.key)
        if run_id in self._live:
            before = [epoch for epoch in self._live[run_id] if epoch.epoch < metrics.epoch]
            self._live[run_id] = [*before, metrics]  # a worker that died may have told it before
            self._tell("log", run_id, row_of(self._live[run_id]))

    def trial_ended(self, result: TrialResult) -> None:
        """Completes the trial's run."""
        self._hear()
        self._end(self._ledger.find(result.trial) or result, self._stage)

    def search_finished(self, result: Result) -> None:
        """Logs the stage, what it reused and was not logged, and tags the winner."""
        self._reuse(set(result.trial_keys()), result.stage)
        name = result.stage if result.sweep == 1 else f"{result.stage}.{result.sweep}"
        self._tag(f"winner of {name}", winners_of(result))
        config = {"stage": result.stage, "sweep": result.sweep, **result.base.to_dict()}
        self._decide(name, result.stage, config, result)

    def close(self) -> None:
        """Says what was logged, after what has not been yet; Ctrl-C leaves no time.

        A server has a bounded time. What is to lie in the folder has all it needs, as long as each run is
        there in bounded time.
        """
        interrupted = isinstance(sys.exception(), KeyboardInterrupt)  # what the run ends with, if anything
        if not interrupted:
            self._finetuned()
        if self._teller is None:
            return
        try:
            if not interrupted:
                self._wait(self._teller)
        finally:
            self._hear()
            self._teller.end()
            if self._asked:
                self._say(f"W&B       {self._balance()}")

    def _finetuned(self) -> None:
        """Logs what fine-tuning found as a stage of its own, once it stands in the study's folder."""
        with contextlib.suppress(InputError):  # a damaged file is told by those who need it
            found = read_finetune(self._destination.study)
            if found:
                self._reuse({key for column in found.columns for key in column.trials}, FINETUNE)
                self._tag(f"winner of {FINETUNE}", winners_of(found))
                if self._decide(FINETUNE, FINETUNE, {"stage": FINETUNE, "origin": found.origin}, found):
                    self._wait_s += upload_s(self._destination.study)

    def _wait(self, teller: Teller) -> None:
        """Waits until all is logged; after half of the time a server is not asked any more."""
        teller.tell(None)
        began = heard_at = time.monotonic()
        patient, silent = True, True
        while teller.is_at_work(_LOOK_S):
            now = time.monotonic()
            if self._hear():
                heard_at = now
            if silent and self._missing() and now - began > 1:
                silent = False
                self._say(
                    f"W&B       {self._missing()} runs are still to be logged; "
                    "Ctrl-C leaves them for the next run"
                )
            if patient and self._destination.mode == ONLINE and now - began > self._wait_s / 2:
                patient, heard_at = False, now
                teller.tell(HASTE)
            if now - heard_at > self._wait_s:
                return

    def _tell(self, method: str, *values: object) -> None:
        if self._teller is None:
            self._teller = Teller(self._destination)
        self._teller.tell((method, values))

    def _hear(self) -> bool:
        """Takes in what the process has said; returns whether that was anything."""
        messages = list(self._teller.heard()) if self._teller else []
        for kind, *values in messages:
            if kind == DONE:
                self._done[values[0]] = values[1]
            else:
                self._troubles[kind] = values[0]
        return bool(messages)

    def _end(self, result: TrialResult, stage: str) -> None:
        run = self._run_of(result.trial, stage)
        logged = Logged(
            run=run, state=result.status.value, summary=summary_of(result), rows=rows_of(result.epochs)
        )
        known = self._asked.get(run.id) or self._note.find(run.id)
        if run.id in self._live or known is None or _told(known) != _told(logged):
            self._live.pop(run.id, None)
            self._asked[run.id] = logged
            self._tell("end", logged)

    def _reuse(self, keys: set[str], stage: str) -> None:
        for key in sorted(keys):  # a set has another order in each process
            reused = None if self._id(key) in self._asked else self._ledger.find_key(key)
            if reused:
                self._end(reused, stage)

    def _tag(self, tag: str, keys: Sequence[str]) -> None:
        run_ids = [self._id(key) for key in keys]
        logged = [self._note.find(run_id) for run_id in run_ids]
        if not all(each and tag in each.run.tags for each in logged):
            self._tell("tag", tag, run_ids)

    def _decide(self, name: str, stage: str, config: Mapping[str, Any], result: Decided) -> bool:
        """Logs the summary run of what was decided; returns whether that is not what was logged."""
        study = self._destination.study.name
        run = Run(
            id=f"{as_id(study)}-stage-{name}",
            name=f"{SearchKind.STAGE} {name}",
            group=f"{study}/{stage}",
            job_type="summary",
            tags=(stage, "summary"),
            config={"study": study, **config},
        )
        logged = Logged(run=run, state=state_of(result), summary=stage_summary_of(result))
        known = self._note.find(run.id)
        is_new = known is None or known.state != logged.state
        if is_new:
            self._asked[run.id] = logged
            self._tell("stage", logged, result, stage_table(result))
        return is_new

    def _id(self, key: str) -> str:
        return f"{as_id(self._destination.study.name)}-{key}"

    def _run_of(self, trial: Trial, stage: str) -> Run:
        config = {
            name: show_value(value) if isinstance(value, list) else value
            for name, value in trial.config.to_dict().items()
        }
        facts = {name: getattr(trial, name) for name in ("split", "data_digest", "weights", "keras_backend")}
        study = self._destination.study.name
        return Run(
            id=self._id(trial.key),
            name=run_name(trial, stage),
            group=f"{study}/{stage}",
            job_type=stage,
            tags=(stage,),
            config={"study": study, "stage": stage, **config, **facts, "key": trial.key},
        )

    def _missing(self) -> int:
        return len(self._asked.keys() - self._done.keys())

    def _why(self, kind: str) -> str:
        return f" ({self._troubles[kind]})" if kind in self._troubles else ""

    def _balance(self) -> str:
        """Returns in one sentence what was sent, what lies in the folder, and how to send it."""
        kept = [run for run in self._asked if self._done.get(run) == OFFLINE]
        sent = [run for run in self._asked if self._done.get(run) == ONLINE]
        missing = self._missing()
        words = [f"{len(sent)} runs sent"] if sent else []
        if kept:
            folder = shlex.quote(str(self._destination.runs))
            why = self._why(REFUSED)
            words.append(f"{len(kept)} kept here{why}; to send them: wandb sync {folder}/offline-run-*")
        if missing:
            words.append(f"{missing} not logged{self._why(FAILED)}; the same command again logs them")
        return "; ".join(words)


def _told(logged: Logged) -> tuple[object, ...]:
    return logged.state, dict(logged.summary), list(logged.rows)

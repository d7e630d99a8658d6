"""A study in MLflow: one run per trial, and one with the final model; nothing here waits for the server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Protocol

from data_prep.errors import InputError, in_one_line
from search.callbacks.callback import Callback
from search.final_model.model_file import find_model
from search.space.stages import FINETUNE
from search.study.finetune_result import read_finetune
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.search_id import SearchId
from search.study.stage_results import Result
from search.trackers.mlflow.model import KerasModel
from search.trackers.mlflow.server import MlflowRun
from search.trackers.runs import hyperparameters_of, rows_of, run_name, winners_of
from trainables.trial import TrialResult, TrialStatus

WAIT_S = 30.0  # for what is still to be told at the end
_STATUS = {TrialStatus.FAILED: "FAILED", TrialStatus.STOPPED: "KILLED"}


class Server(Protocol):
    """What the callback asks of `MlflowServer`."""

    def known(self) -> dict[str, str]: ...
    def keep(self, run: MlflowRun) -> str: ...
    def tag(self, run_id: str, name: str) -> None: ...


class MlflowLog(Callback):
    """Callback that tells a server, in a thread of its own, of each trial once it has ended.

    A run that is there is left as it is, so that a study that goes on adds what is missing. After the first
    trouble the server is not asked any more; the next run of the study tells it the rest. `say` gets one line
    at the end.
    """

    def __init__(self, connect: Callable[[], Server], ledger: Ledger, say: Callable[[str], None]) -> None:
        self._connect, self._ledger, self._say = connect, ledger, say
        self._thread = ThreadPoolExecutor(1, "mlflow")  # one: a run is kept before it is tagged
        self._asked: list[Future[None]] = []
        self._server: Server | None = None
        self._known: dict[str, str] = {}
        self._stage, self._trouble, self._kept = "", "", 0

    def search_began(self, search: SearchId, trials: int) -> None:
        """Notes the stage that the next trials are of; the first connects while they train."""
        self._stage = search.stage
        if not self._asked:
            self._ask(lambda server: None)

    def trial_ended(self, result: TrialResult) -> None:
        """Tells of the trial as the ledger has it."""
        self._tell(_run_of(self._ledger.find(result.trial) or result, self._stage))

    def search_finished(self, result: Result) -> None:
        """Tells of what the search reused, and tags its winner."""
        self._reuse(result.trial_keys(), result.stage)
        self._tag(winners_of(result), f"winner of {result.stage}")

    def close(self) -> None:
        """Tells of the final model, and waits for what is under way; Ctrl-C leaves no time."""
        if not isinstance(sys.exception(), KeyboardInterrupt):
            self._finetuned()
            wait(self._asked, WAIT_S)
        self._thread.shutdown(wait=False, cancel_futures=True)
        left = sum(not each.done() or each.cancelled() for each in self._asked)  # cancelled is done, too
        added = f"MLflow    {self._kept} {'run was' if self._kept == 1 else 'runs were'} added"
        if self._trouble or left:
            why = self._trouble or "the server is slow"
            self._say(f"{added}, not all ({why}); the next run of the study adds the others")
        elif self._asked:
            self._say(added)

    def _finetuned(self) -> None:
        try:
            found = read_finetune(self._ledger.folder)
        except InputError:  # a damaged file is told by those who need it
            return
        column = found and found.column(found.winner or "")
        if not found or not column:
            return
        self._reuse([key for each in found.columns for key in each.trials], FINETUNE)
        path = Layout(self._ledger.folder).model
        card = path.with_name("model_card.md")
        means = {name: mean for name, (mean, _) in column.figures.items() if mean is not None}
        self._tell(
            MlflowRun(
                key=f"final model {found.finished_at}",
                name=f"final model: {column.title}",
                params={**column.config, "split": found.split},
                metrics=means,
                tags={"stage": FINETUNE, "statement": found.statement},
                files=[card] if card.is_file() else [],
                model=_model_in(path),
            )
        )

    def _reuse(self, keys: Iterable[str], stage: str) -> None:
        for key in keys:
            if result := self._ledger.find_key(key):
                self._tell(_run_of(result, stage))

    def _tell(self, run: MlflowRun) -> None:
        def keep(server: Server) -> None:
            if run.key not in self._known:
                self._known[run.key] = server.keep(run)
                self._kept += 1

        self._ask(keep)

    def _tag(self, keys: Iterable[str], name: str) -> None:
        def tag(server: Server) -> None:
            for key in keys:
                if key in self._known:
                    server.tag(self._known[key], name)

        self._ask(tag)

    def _ask(self, job: Callable[[Server], None]) -> None:
        self._asked.append(self._thread.submit(self._do, job))

    def _do(self, job: Callable[[Server], None]) -> None:
        if self._trouble:
            return
        try:
            if self._server is None:
                self._server = self._connect()
                self._known = self._server.known()
            job(self._server)
        except Exception as error:  # MLflow and what it sends by raise their own; a search goes on without
            self._trouble = in_one_line(error)


def _model_in(path: Path) -> KerasModel | None:
    try:
        kept = find_model(str(path), path.parent)
    except InputError:  # there is none, or it is damaged, which is told by those who need it
        return None
    return KerasModel(path, len(kept.label_names), kept.facts["keras_backend"]) if kept.facts else None


def _run_of(result: TrialResult, stage: str) -> MlflowRun:
    values = hyperparameters_of(result.trial, stage)
    return MlflowRun(
        key=result.trial.key,
        name=run_name(result.trial, stage),
        params={name: value for name, value in values.items() if name != "stage"},
        epochs=rows_of(result.epochs),
        tags={"stage": stage, "data_digest": result.trial.data_digest, "reason": result.reason},
        status=_STATUS.get(result.status, "FINISHED"),
    )

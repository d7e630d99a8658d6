"""Trials and stages as runs of Weights & Biases, online or in a folder, each epoch once."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from search.options.types import OFFLINE, ONLINE
from search.space.stages import FINETUNE
from search.study.finetune_result import FinetuneResult
from search.trackers.wandb.logged_runs import (
    UNDER_WAY,
    Destination,
    Logged,
    Note,
    Run,
    final_model_of,
    upload_s,
)
from search.trackers.wandb.media import figures_of, media_of

if TYPE_CHECKING:
    from search.trackers.runs import Decided

HASTE, DONE, REFUSED, FAILED = "haste", "done", "refused", "failed"  # what is said besides methods
MODEL = "final model"  # what is logged beside media
SENDS_MODEL = {FINETUNE, "summary"}  # tags
_INIT_S = 4  # a server that has not answered by then is taken for dead
_FINISH_S = 15

Media = Callable[[], Mapping[str, Any]]


@dataclass
class _Live:
    """Run that is logged online: wandb's handle, and the rows it was given."""

    logged: Logged
    handle: Any
    rows: list[Mapping[str, Any]] = field(default_factory=list)


class WandbRuns:
    """Runs as wandb logs them; once its server does not answer, all that follow are kept in the folder.

    Each epoch is there once after all, however often a trial was cut, retried or continued:

    - Online a run is resumed, and wandb drops the rows that its server has. They are logged as they come
      where a trial is heard from its first epoch on, else at its end.
    - Offline, where nobody looks on, a run is logged at its end, whole, and its folder gets the name that
      `wandb sync` is told only then. Until it has been sent, what is logged later takes its place.
    - A run that a server knows gets another id where that is not to be continued: it has other rows now,
      or nobody knows which of them arrived.

    `say` hears of each run that was logged whole, and why a server was given up.
    """

    def __init__(self, destination: Destination, say: Any) -> None:
        self._destination, self._note, self._say = destination, Note(destination), say
        self._live: dict[str, _Live] = {}
        self.in_haste = threading.Event()  # ask no server any more

    def start(self, run: Run) -> None:
        """Begins `run` online; a trial that begins again goes on with it."""
        if not self._is_online() or run.id in self._live:
            return
        known = self._note.find(run.id)
        begun = Logged(run=run, state=UNDER_WAY, summary={})
        try:
            self._live[run.id] = self._begin(replace(known, state=UNDER_WAY) if known else begun)
        except Exception as error:  # CommError, UsageError, AuthenticationError, ServerResponseError …
            self._go_offline(in_short(error))

    def log(self, run_id: str, row: Mapping[str, Any]) -> None:
        """Logs the row of the next epoch; one that is logged or comes too early waits for the end."""
        live = self._live.get(run_id)
        if live and row["epoch"] == len(live.rows) + 1:
            live.rows.append(row)
            live.handle.log(dict(row), step=row["epoch"])

    def end(self, logged: Logged) -> None:
        """Completes the run of `logged`, with the stage and the tags that it was logged with before."""
        known = self._note.find(logged.run.id)
        self._write(replace(logged, run=known.run) if known else logged)

    def stage(self, logged: Logged, result: Decided, table: Sequence[Mapping[str, Any]]) -> None:
        """Logs a stage: its table, the report's figures, who won; fine-tuning with the final model."""
        study = self._destination.study
        figures = figures_of(study, result)
        model = final_model_of if isinstance(result, FinetuneResult) else lambda _: None
        self._write(logged, lambda: {**media_of(figures, table), MODEL: model(study)})

    def tag(self, tag: str, run_ids: Sequence[str]) -> None:
        """Gives `tag` to the logged runs `run_ids`, and takes it from all others."""
        for logged in self._note.all():
            tags = [other for other in logged.run.tags if other != tag]
            tags += [tag] if logged.run.id in run_ids else []
            if set(tags) != set(logged.run.tags) and logged.state != UNDER_WAY:
                self._write(replace(logged, run=replace(logged.run, tags=tuple(tags))))

    def close(self) -> None:
        """Ends what is still under way: trials that were cut."""
        if self._is_online():
            for live in self._live.values():
                live.handle.finish(exit_code=1)

    def _is_online(self) -> bool:
        if self.in_haste.is_set() and self._destination.mode == ONLINE:
            self._go_offline("it is slower than the search")
        return self._destination.mode == ONLINE

    def _write(self, logged: Logged, media: Media = dict) -> None:
        if self._is_online():
            try:
                self._send(logged, media)
            except Exception as error:  # also TimeoutError
                self._go_offline(in_short(error))
        if self._destination.mode == OFFLINE:
            self._keep(logged, media)
        self._say((DONE, logged.run.id, self._destination.mode))

    def _send(self, logged: Logged, media: Media) -> None:
        live = self._live.pop(logged.run.id, None) or self._begin(logged)
        _complete(live.handle, logged.rows[len(live.rows) :], media(), logged.summary)
        self._note.write(replace(logged, number=live.logged.number, sent=True))

    def _begin(self, logged: Logged) -> _Live:
        known = self._note.find(logged.run.id)
        # what a server has cannot be taken back: only rows that begin with those go on under the same id
        goes_on = (
            known is None or not self._is_sent(known) or _are_same(logged.rows[: len(known.rows)], known.rows)
        )
        number = known.number if known else 1
        begun = replace(logged, state=UNDER_WAY, number=number if goes_on else number + 1, sent=True)
        live = _Live(begun, self._init(begun, resume="allow"))
        self._note.write(begun)
        self._discard_unsent(begun)
        return live

    def _keep(self, logged: Logged, media: Media) -> None:
        known = self._note.find(logged.run.id)
        sent = known is not None and self._is_sent(known)
        number = known.number if known else 1
        resume: Literal["allow"] | None = None
        rows, summary = logged.rows, dict(logged.summary)
        if known and sent and known.state != UNDER_WAY and _are_same(logged.rows, known.rows):
            resume, rows = "allow", ()
            # a run without rows gets no summary of its last one
            summary = {**(logged.rows[-1] if logged.rows else {}), **summary}
        elif sent:
            number, sent = number + 1, False
        kept = replace(logged, number=number, sent=sent)
        handle = self._init(kept, resume)
        _complete(handle, rows, media(), summary)
        folder = Path(handle.dir).parent
        (folder / self._destination.name).touch()  # the mark that tells whose it is
        self._discard_unsent(kept)
        folder.rename(self._destination.runs / folder.name)  # from here on `wandb sync` finds it, whole
        self._note.write(kept)

    def _is_sent(self, known: Logged) -> bool:
        """Returns whether a server has the run: it was logged online, or its folder was sent or is gone."""
        return known.sent or not self._unsent(known)

    def _unsent(self, logged: Logged) -> list[Path]:
        """Returns the folders of the run in this project that `wandb sync` has not marked as sent."""
        # the date and time have a fixed length, so that no id that ends in this one is found as well
        folders = f"offline-run-????????_??????-{logged.id}"
        marks = self._destination.runs.glob(f"{folders}/{self._destination.name}")
        return [mark.parent for mark in marks if not any(mark.parent.glob("*.synced"))]

    def _discard_unsent(self, logged: Logged) -> None:
        for folder in self._unsent(logged):  # moved at once, where removing takes time
            # a folder may take the place of an empty one
            folder.rename(tempfile.mkdtemp(dir=self._destination.unfinished))

    def _init(self, logged: Logged, resume: Literal["allow"] | None) -> Any:
        import wandb

        return wandb.init(**_options(logged, self._destination), resume=resume)

    def _go_offline(self, why: str) -> None:
        """Keeps runs in the folder from here on; those under way follow when they end."""
        import wandb

        self._say((REFUSED, why))
        self._destination = replace(self._destination, mode=OFFLINE)
        self._live.clear()
        wandb.teardown()  # frees the ids that are in use


def in_short(error: Exception) -> str:
    """Returns the first line of what `error` says."""
    return str(error).partition("\n")[0]


def _options(logged: Logged, destination: Destination) -> dict[str, Any]:
    import wandb

    # wandb takes another folder where this one is missing
    destination.unfinished.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(
        silent=True,
        console="off",
        program="search.run",
        init_timeout=_INIT_S,
        finish_timeout=_FINISH_S + (upload_s(destination.study) if {*logged.run.tags} >= SENDS_MODEL else 0),
        finish_timeout_raises=True,
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        label_disable=True,
        save_code=False,
        x_disable_machine_info=True,  # nothing of the machine leaves it unasked
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    return {
        **asdict(logged.run),
        "id": logged.id,
        "config": dict(logged.run.config),
        "project": destination.project,
        "entity": destination.entity or None,
        "dir": destination.unfinished,
        "mode": destination.mode,
        "reinit": "create_new",  # several runs at a time: trials run side by side
        "settings": settings,
    }


def _complete(
    handle: Any, rows: Sequence[Mapping[str, Any]], media: Mapping[str, Any], summary: Mapping[str, Any]
) -> None:
    """Logs what is missing of a run and ends it; raises TimeoutError where a server does not take it."""
    for row in rows:
        handle.log(dict(row), step=row["epoch"])
    shown = dict(media)
    if model := shown.pop(MODEL, None):
        handle.log_artifact(model)
    if shown:
        handle.log(shown)
    handle.summary.update(dict(summary))
    handle.finish(exit_code=int(summary["status"] == "FAILED"))


def _are_same(rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> bool:
    """Returns whether these are the same epochs, in whatever time they were trained."""
    curves = [[{**row, "seconds": None} for row in each] for each in (rows, others)]
    return curves[0] == curves[1]

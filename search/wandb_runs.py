"""The process that logs to Weights & Biases: what it is told becomes runs, online or in a folder.

It is a process of its own because wandb waits for its server when it begins a run, when it ends one, and
when its process ends; here nobody waits with it, and it can be ended at any moment.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from multiprocessing.connection import Connection
from typing import Any

from PIL import Image

from search.results import StageResult
from search.wandb_note import FOLDER, OFFLINE, ONLINE, Logged, Note, Place, Run

HASTE, DONE, REFUSED, FAILED = "haste", "done", "refused", "failed"  # what is said besides methods
_INIT_S = 15  # a server that has not answered by then is taken for dead
_FINISH_S = 15


@dataclass
class _Open:
    """A run under way: wandb's handle, and the rows it was given, by step."""

    run: Run
    handle: Any
    rows: dict[int, Mapping[str, Any]] = field(default_factory=dict)


class Runs:
    """Runs as wandb logs them; once its server does not answer, all that follow are kept in the folder.

    `say` hears of each run that was logged whole, and why a server was given up.
    """

    def __init__(self, place: Place, say: Any) -> None:
        self._place, self._note, self._say = place, Note(place), say
        self._open: dict[str, _Open] = {}
        self.in_haste = threading.Event()  # keep in the folder what has not been begun

    def start(self, run: Run) -> None:
        """Begins `run`, or goes on with it."""
        if run.id not in self._open:
            self._open[run.id] = _Open(run, self._init(run))

    def log(self, run_id: str, step: int, row: Mapping[str, Any]) -> None:
        """Logs a row; a step that was logged is not logged again."""
        run = self._open[run_id]
        if step > max(run.rows, default=0):
            run.rows[step] = row
            run.handle.log(dict(row), step=step)

    def end(
        self, run: Run, state: str, rows: Mapping[int, Mapping[str, Any]], summary: Mapping[str, Any]
    ) -> None:
        """Completes `run` with those of `rows` that are missing, and with `summary`."""
        self.start(run)
        for step, row in rows.items():
            self.log(run.id, step, row)
        self._finish(Logged(run=run, state=state, summary=summary))

    def stage(self, run: Run, state: str, result: StageResult, table: Sequence[Mapping[str, Any]]) -> None:
        """Logs a stage: its table, the report's figures, who won."""
        import wandb

        self.start(run)
        figures = _figures(self._place, result)
        media: dict[str, Any] = {
            name: wandb.Image(Image.open(BytesIO(png)), caption=caption) for name, caption, png in figures
        }
        media["table"] = wandb.Table(columns=list(table[0]), data=[list(row.values()) for row in table])
        self._finish(Logged(run=run, state=state, summary=_summary_of(result)), media)

    def tag(self, tag: str, run_ids: Sequence[str]) -> None:
        """Gives `tag` to the logged runs `run_ids`, and takes it from all others."""
        for logged in self._note.all():
            tags = [other for other in logged.run.tags if other != tag]
            tags += [tag] if logged.run.id in run_ids else []
            if set(tags) != set(logged.run.tags):
                run = replace(logged.run, tags=tuple(tags))
                self.start(run)
                self._finish(replace(logged, run=run))

    def close(self) -> None:
        """Ends what is still open: trials that were cut."""
        for run in self._open.values():
            run.handle.finish(exit_code=1)

    def _init(self, run: Run) -> Any:
        import wandb

        if self.in_haste.is_set() and self._place.mode == ONLINE:
            self._go_offline("it is slower than the search")
        try:
            return wandb.init(**_options(run, self._place))
        except Exception as error:  # CommError, UsageError, AuthenticationError, ServerResponseError …
            if self._place.mode == OFFLINE:
                raise
            self._go_offline(str(error).partition("\n")[0])
            return self._init(run)

    def _finish(self, logged: Logged, media: Mapping[str, Any] | None = None) -> None:
        handle = self._open[logged.run.id].handle
        if media:
            handle.log(dict(media))
        handle.summary.update(dict(logged.summary))
        try:
            handle.finish(exit_code=int(logged.summary["status"] == "FAILED"))
        except TimeoutError:
            self._go_offline("it takes nothing more")
            self._finish(logged, media)
            return
        del self._open[logged.run.id]
        self._note.write(logged)
        self._say((DONE, logged.run.id, self._place.mode))

    def _go_offline(self, why: str) -> None:
        """Keeps runs in the folder from here on, those that are open from their first row."""
        import wandb

        self._say((REFUSED, why))
        self._place = replace(self._place, mode=OFFLINE)
        wandb.teardown()  # frees the ids that are in use
        for run in self._open.values():
            run.handle = self._init(run.run)
            for step, row in run.rows.items():
                run.handle.log(dict(row), step=step)


def serve(connection: Connection, place: Place) -> None:
    """Does what `connection` says: pairs of a method of Runs and its arguments, and None at the end."""
    _keep_to_itself(place)
    runs = Runs(place, connection.send)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, inbox, runs), daemon=True).start()
    while message := inbox.get():
        name, values = message
        try:
            getattr(runs, name)(*values)
        except Exception as error:  # whatever wandb raises: the next run may go well
            connection.send((FAILED, f"{type(error).__name__}: {error}".partition("\n")[0]))
    runs.close()
    os._exit(0)  # without wandb's own waiting


def _receive(connection: Connection, inbox: queue.SimpleQueue[Any], runs: Runs) -> None:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):  # the search is gone
            os._exit(1)
        if message == HASTE:
            runs.in_haste.set()
        else:
            inbox.put(message)


def _keep_to_itself(place: Place) -> None:
    """Ignores Ctrl-C, prints nothing, and writes below the study's folder only."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = place.study / FOLDER
    os.environ |= {
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DATA_DIR": str(folder / "data"),
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "WANDB_ARTIFACT_DIR": str(folder / "artifacts"),
    }
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)


def _options(run: Run, place: Place) -> dict[str, Any]:
    import wandb

    settings = wandb.Settings(
        silent=True,
        console="off",
        program="search.run",
        init_timeout=_INIT_S,
        finish_timeout=_FINISH_S,
        finish_timeout_raises=True,
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        label_disable=True,
        save_code=False,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    return {
        **asdict(run),
        "config": dict(run.config),
        "project": place.project,
        "entity": place.entity or None,
        "dir": place.study,
        "mode": place.mode,
        "resume": "allow",
        "reinit": "create_new",
        "settings": settings,
    }


def _figures(place: Place, result: StageResult) -> list[tuple[str, str, bytes]]:
    """Returns name, caption and PNG of each figure that the report has on `result`."""
    from search.report.document import Document  # takes a second, and the search imports this module, too
    from search.report.errors_section import errors_section
    from search.report.joint_section import joint_section
    from search.report.pictures import picture
    from search.report.record import read_record
    from search.report.stage_sections import stage_section

    record = read_record(place.study)
    section = joint_section if result.search else stage_section
    document = Document(title="", made_on="", sections=[section(record, result), errors_section(result)])
    return [(figure.name, figure.caption, picture(figure)) for figure in document.figures()]


def _summary_of(result: StageResult) -> dict[str, Any]:
    winner = result.winner
    return {
        "status": "COMPLETED" if winner else "FAILED",
        "winner": winner and winner.to_dict(),
        "verdict": result.verdict,
        "statement": result.statement,
        "mean_val_accuracy": winner and result.entry_of(winner).mean,
    }

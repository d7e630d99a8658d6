"""Obedience to requests from the dashboard: the search ends after the running epochs, or one trial does."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ray import tune

from data_prep.errors import InputError
from data_prep.storage.regular_files import MOST_TEXT, read_regular
from search.study.folder import read_command
from search.study.from_outside.stop_request import StopRequest, forget_stop, forget_trial, read_stop
from search.study.layout import Layout
from search.study.ledger import keep_log
from trainables import worker

EVERY_S = 1.0  # the file is looked for at most that often
STOPPED = "stopped, as the dashboard asked"
_LOG = "dashboard"  # the name of the log


@dataclass
class Asked:
    """What is asked of the latest run of the study in `folder`; one for all who look, who share its looks."""

    folder: Path
    run: str = ""
    forgets: bool = True  # once it has obeyed: one that joined leaves the request to who holds the study
    _last: StopRequest = field(default_factory=lambda: StopRequest(run=""))
    _looked: float = -math.inf

    def now(self) -> StopRequest:
        """Returns the requests; those of the last look where the file cannot be read."""
        if time.monotonic() - self._looked >= EVERY_S:
            self._looked = time.monotonic()
            with contextlib.suppress(InputError, OSError):
                if not self.run and (command := read_command(self.folder)):
                    self.run = command.started_at
                self._last = read_stop(self.folder, self.run)
        return self._last

    def obey(self) -> None:
        """Ends the search; raises KeyboardInterrupt."""
        if self.forgets:
            forget_stop(self.folder)
        raise KeyboardInterrupt

    def tell(self, sentence: str) -> None:
        """Tells the terminal and the study's log."""
        warnings.warn(sentence, stacklevel=2)
        path, moment = Layout(self.folder).log(_LOG), datetime.now(UTC).isoformat(timespec="seconds")
        with contextlib.suppress(InputError, OSError):
            before = read_regular(path, MOST_TEXT).decode("utf-8", "replace") if path.exists() else ""
            keep_log(self.folder, _LOG, f"{before}{moment} {sentence}\n")


def require_no_request(folder: Path, *, forgets: bool) -> None:
    """Raises KeyboardInterrupt where the dashboard asked to end the search; nothing is in training here."""
    asked = Asked(folder, forgets=forgets)
    if asked.now().everything:
        asked.tell("the dashboard asked to end the search")
        asked.obey()


@dataclass
class EndsWhenAsked(tune.Callback):  # type: ignore[misc]  # Ray has no types
    """Ends Tune's loop as Ctrl-C does, once every trial that ran when it was asked has ended its epoch."""

    asked: Asked
    _waits_for: set[str] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its callbacks down; nobody reads this one back

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Looks whether to go on; raises KeyboardInterrupt where not."""
        if self._waits_for is None:
            if not self.asked.now().everything:
                return
            self.asked.tell("the dashboard asked to end the search: it ends after the running epochs")
            self._waits_for = _running(trials)
        if not self._waits_for & _running(trials):
            self.asked.obey()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Mapping[str, Any], **info: Any
    ) -> None:
        """Notes that a trial has ended its epoch."""
        if self._waits_for is not None:
            self._waits_for.discard(trial.trial_id)


class StopsTrials(tune.Stopper):  # type: ignore[misc]
    """Stops the trials that were asked to end, after their running epochs; a pack ends as a whole only."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Returns whether the trial of that `result` is to end; the result then has the reason."""
        asked = self._asked.now().trials
        key = result.get("config", {}).get("trial", {}).get("key")
        if key not in asked or result.get("done"):
            return False
        self._asked.tell(f"the dashboard asked to stop trial {key}: it ends after its running epoch")
        result[worker.REASON] = STOPPED
        with contextlib.suppress(InputError, OSError):
            forget_trial(self._asked.folder, self._asked.run, key)
        return True

    def stop_all(self) -> bool:
        """Returns that no experiment ends here: `EndsWhenAsked` does that."""
        return False


def _running(trials: list[Any]) -> set[str]:
    return {trial.trial_id for trial in trials if trial.status == "RUNNING"}

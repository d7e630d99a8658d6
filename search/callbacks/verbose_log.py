"""The log of --verbose: the versions at work, and each file of the study as it is written."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

from search.callbacks.callback import Callback
from search.study.ledger import Ledger
from search.study.search_id import SearchId
from search.study.stage_results import Result, StageFiles
from trainables.trial import Trial, TrialResult
from trainables.versions import PACKAGES, installed_versions


class VerboseLog(Callback):
    """Says through `say` what is written into the study's `folder`; of epochs the progress display tells."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._say = say
        self._ledger, self._stages = Ledger(folder), StageFiles(folder)
        versions = installed_versions((*PACKAGES, "tensorflow", "jax")).items()
        words = (f"Python {platform.python_version()}", *(f"{name} {version}" for name, version in versions))
        say(f"versions  {', '.join(words)}")

    def search_began(self, search: SearchId, trials: int) -> None:
        """Says how many trials are about to be trained."""
        self._say(f"{search}: {trials} trials to train")

    def trial_started(self, trial: Trial) -> None:
        """Says which trial has begun."""
        self._say(f"trial {trial.key} begins")

    def trial_ended(self, result: TrialResult) -> None:
        """Names the files of the trial."""
        for path in (self._ledger.path(result.trial), self._ledger.predictions_path(result.trial)):
            self._wrote(path)

    def search_finished(self, result: Result) -> None:
        """Names the file of the stage."""
        self._wrote(self._stages.path(result.stage, result.sweep))

    def _wrote(self, path: Path) -> None:
        if path.exists():  # a trial that failed has no predictions
            self._say(f"wrote     {path}")

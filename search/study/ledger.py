"""The ledger of a study: one file per ended trial, written whole or not at all.

A file never changes afterwards, but for a trial that a scheduler stopped and that later runs to its end.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from data_prep.digests import digest_of_file
from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.json_files import damaged, read_json, require_unchanged, write_json
from data_prep.storage.parsed_files import ParsedFiles
from search.study.layout import Layout
from trainables.trial import TRIAL_FORMAT, Trial, TrialResult, TrialStatus

TRAINED_AGAIN = "the next run that needs the trial trains it again"


def read_trial(path: Path) -> TrialResult:
    """Returns the trial in a file of the ledger; raises FileNotFoundError, and InputError where damaged."""
    try:
        result = TrialResult.from_dict(read_json(path, TRIAL_FORMAT))
        _require_plausible(result, path.stem)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, error, TRAINED_AGAIN) from error
    return result


def require_unchanged_trial(path: Path) -> None:
    """Raises InputError where a file of the ledger changed since it was written; quicker than reading it."""
    try:
        require_unchanged(path)
    except ValueError as error:
        raise damaged(path, error, TRAINED_AGAIN) from error


def _require_plausible(result: TrialResult, key: str) -> None:
    if result.trial.key != key:
        # a file that was renamed or copied by hand would count as another trial
        raise ValueError(f"it holds the trial {result.trial.key}")
    if result.status is TrialStatus.COMPLETED and not result.epochs:
        raise ValueError("it is completed, and has no epoch")
    numbers = [epoch.epoch for epoch in result.epochs]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise ValueError(f"its epochs are not in their order: {numbers}")


class Ledger:
    """The finished trials below `folder` (a study's folder): `trials/<key>.json`, `predictions/<key>.npy`.

    What a file holds is kept until the file changes: plans, stages and trackers ask for the same trials.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._layout = Layout(folder)
        self._parsed = ParsedFiles()

    def find(self, trial: Trial) -> TrialResult | None:
        """Returns the result of `trial`, None where it has not finished.

        A damaged file is moved aside with a warning that names it, and counts as not finished.
        """
        return self.find_key(trial.key)

    def find_key(self, key: str) -> TrialResult | None:
        """Returns the result of the trial that `key` names; see `find`."""
        return self._read(self._layout.trial(key))

    def path(self, trial: Trial) -> Path:
        """Returns the path of the result of `trial`."""
        return self._layout.trial(trial.key)

    def key_path(self, key: str) -> Path:
        """Returns the path of the result of the trial that `key` names."""
        return self._layout.trial(key)

    def results(self) -> Iterator[TrialResult]:
        """Yields every finished trial in the order of the keys."""
        for path in sorted(self._layout.trials.glob("*.json")):
            result = self._read(path)
            if result is not None:
                yield result

    def record(self, result: TrialResult, predictions: np.ndarray | None = None) -> None:
        """Keeps `result`, and the validation probabilities `(n_validation,)` that go with it.

        A completed trial that is there stays, such as one that was trained again for its weights.
        """
        there = self.find(result.trial)
        if there and there.status is TrialStatus.COMPLETED:
            return
        if predictions is not None:
            digest = self._keep_predictions(self.predictions_path(result.trial), predictions)
            result = replace(result, predictions_digest=digest)
        # last: a record that is there says that the predictions are, too
        write_json(self.path(result.trial), result.to_dict())

    def predictions(self, trial: Trial) -> np.ndarray:
        """Returns the validation probabilities of a completed `trial`, float32 in the split's row order.

        Raises InputError where the file is missing or damaged.
        """
        path, result = self.predictions_path(trial), self.find(trial)
        try:
            if result and result.predictions_digest:
                self._require_predictions(result)
            return np.asarray(np.load(path, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            record = self.path(trial)
            raise InputError(
                f"{path} cannot be read ({error}); remove {record} to train the trial again"
            ) from error

    def find_whole(self, trial: Trial) -> TrialResult | None:
        """Returns the result of `trial` as `find` does, and None where its predictions are damaged or gone.

        Both files are then moved aside, with a warning.
        """
        result = self.find(trial)
        if result is None or not result.predictions_digest:  # of before there were digests, or it failed
            return result
        try:
            self._require_predictions(result)
        except (OSError, ValueError) as error:
            there = [path for path in (self.predictions_path(trial), self.path(trial)) if path.exists()]
            moved = [put_aside(path).name for path in there]
            reason = damaged(self.predictions_path(trial), error, TRAINED_AGAIN)
            warnings.warn(f"{reason}; moved to {' and '.join(moved)}", stacklevel=3)
            return None
        return result

    def _require_predictions(self, result: TrialResult) -> None:
        path = self.predictions_path(result.trial)
        if self._parsed.get(path, digest_of_file) != result.predictions_digest:
            raise ValueError("its digest is not the one in the trial's record")

    def _keep_predictions(self, path: Path, predictions: np.ndarray) -> str:
        content = io.BytesIO()
        np.save(content, np.asarray(predictions, np.float32))
        write_whole(path, lambda file: file.write(content.getbuffer()), makes_folder=True)
        return hashlib.sha256(content.getbuffer()).hexdigest()

    def predictions_path(self, trial: Trial) -> Path:
        """Returns the path of the validation probabilities of `trial`."""
        return self._layout.predictions(trial.key)

    def _read(self, path: Path) -> TrialResult | None:
        try:
            return self._parsed.get(path, read_trial)
        except FileNotFoundError:
            return None
        except InputError as error:
            warnings.warn(f"{error}; moved to {put_aside(path).name}", stacklevel=3)
            return None


def put_aside(path: Path) -> Path:
    """Moves a damaged file beside itself, under a name that nobody reads, and returns that; a person may."""
    aside = path.with_suffix(".damaged")
    return path.replace(aside if path.suffix == ".json" else path.with_name(f"{path.name}.damaged"))


def finished_trials(trials: Sequence[Trial], ledger: Ledger) -> dict[str, TrialResult]:
    """Returns by key the trials of the ledger that need no training: those that no scheduler stopped."""
    found = ((trial.key, ledger.find_whole(trial)) for trial in trials)
    return {key: result for key, result in found if result and result.status is not TrialStatus.STOPPED}


def keep_log(folder: Path, key: str, text: str) -> None:
    """Keeps in the study in `folder` what a worker said whose trial failed more often than allowed."""
    path = Layout(folder).log(key)
    write_whole(path, lambda file: file.write(text.encode()), makes_folder=True)

"""The ledger of a study: one file per ended trial, written whole or not at all.

A file never changes afterwards, but for a trial that a scheduler stopped and that later runs to its end.
"""

from __future__ import annotations

import hashlib
import io
import shutil
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
from data_prep.storage.remote import own_place
from data_prep.storage.standing import require_standing, standing
from search.study.layout import Layout
from trainables.trial import TRIAL_FORMAT, Trial, TrialResult, TrialStatus

TRAINED_AGAIN = "the next run that needs the trial trains it again"
SPARE = "stagewise-spare"  # for results that the study's own storage did not take


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
    Without `moves_damaged` files that are damaged stay where they are: only who holds the study moves them.
    """

    def __init__(self, folder: Path, *, moves_damaged: bool = True) -> None:
        self.folder, self.moves_damaged = folder, moves_damaged
        self._told: set[Path] = set()
        self._layout = Layout(folder)
        self._parsed = ParsedFiles()

    def find(self, trial: Trial) -> TrialResult | None:
        """Returns the result of `trial`, None where it has not finished.

        A damaged file counts as not finished. It is moved aside, with a warning that names it.
        """
        return self.find_key(trial.key)

    def find_key(self, key: str) -> TrialResult | None:
        """Returns the result of the trial that `key` names; see `find`."""
        path = self._layout.trial(key)
        require_standing(path)
        return self._read(path)

    def path(self, trial: Trial) -> Path:
        """Returns the path of the result of `trial`."""
        return self._layout.trial(trial.key)

    def key_path(self, key: str) -> Path:
        """Returns the path of the result of the trial that `key` names."""
        return self._layout.trial(key)

    def results(self) -> Iterator[TrialResult]:
        """Yields every finished trial in the order of the keys."""
        folder = self._layout.trials
        for path in standing(folder, lambda: sorted(folder.glob("*.json")), "read"):
            result = self.find_key(path.stem)
            if result is not None:
                yield result

    def record(self, result: TrialResult, predictions: np.ndarray | None = None) -> None:
        """Keeps `result`, and the validation probabilities `(n_validation,)` that go with it.

        A completed trial that is there stays, such as one that was trained again for its weights. Where the
        study's storage takes nothing more, the result is kept in the user's own folder until `take_hold`;
        raises InputError, which says so.
        """
        try:
            self._record(result, predictions)
        except InputError as error:
            spare = Ledger(self._spare)
            try:
                spare._record(result, predictions)
            except (InputError, OSError):
                raise error from None
            kept = f"the trial that has just ended is kept in {spare.folder}"
            raise InputError(f"{error}; {kept}, and the next run puts it into the study") from error

    def take_hold(self) -> None:
        """From now on this process alone changes the study: it may move what is damaged.

        Trials are put into the study that its storage had no room for; a warning names them.
        """
        self.moves_damaged = True
        spare = Ledger(self._spare)
        for result in spare.results():
            if spare.find_whole(result.trial):
                has_some = bool(result.predictions_digest)
                self._record(result, spare.predictions(result.trial) if has_some else None)
                warnings.warn(
                    f"trial {result.trial.key} is put into the study from {spare.folder}", stacklevel=2
                )
        shutil.rmtree(spare.folder, ignore_errors=True)

    @property
    def _spare(self) -> Path:
        return own_place(SPARE, self.folder)

    def _record(self, result: TrialResult, predictions: np.ndarray | None) -> None:
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
        path, result = self.predictions_path(trial), self.find(trial)  # which waits for both
        try:
            if result and result.predictions_digest:
                self._require_predictions(result)
            return np.asarray(np.load(path, allow_pickle=False))  # a pickle could run code
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
            self._put_aside(there, damaged(self.predictions_path(trial), error, TRAINED_AGAIN))
            return None
        return result

    def _require_predictions(self, result: TrialResult) -> None:
        path = self.predictions_path(result.trial)
        if self._parsed.get(path, digest_of_file) != result.predictions_digest:
            raise ValueError("its digest is not the one in the trial's record")

    def _keep_predictions(self, path: Path, predictions: np.ndarray) -> str:
        content = io.BytesIO()  # in memory first: the digest is that of the very bytes that are written
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
            self._put_aside([path], error)
            return None

    def _put_aside(self, paths: Sequence[Path], reason: InputError) -> None:
        """Says what is damaged, and moves `paths` where that may be done."""
        if self.moves_damaged:
            moved = [put_aside(path).name for path in paths]
            warnings.warn(f"{reason}; moved to {' and '.join(moved)}", stacklevel=4)
        elif not self._told.issuperset(paths):
            self._told.update(paths)
            warnings.warn(str(reason), stacklevel=4)


def put_aside(path: Path) -> Path:
    """Moves a damaged file beside itself, under a name that nobody reads, and returns that; a person may."""
    aside = path.with_suffix(".damaged")
    return path.replace(aside if path.suffix == ".json" else path.with_name(f"{path.name}.damaged"))


def finished_trials(trials: Sequence[Trial], ledger: Ledger) -> dict[str, TrialResult]:
    """Returns by key the trials of the ledger that need no training: those that no scheduler stopped."""
    found = ((trial.key, ledger.find_whole(trial)) for trial in trials)
    # one that failed would fail again
    return {key: result for key, result in found if result and result.status is not TrialStatus.STOPPED}


def keep_log(folder: Path, key: str, text: str) -> None:
    """Keeps in the study in `folder` what a worker said whose trial failed more often than allowed."""
    path = Layout(folder).log(key)
    write_whole(path, lambda file: file.write(text.encode()), makes_folder=True)

"""Uploader: it sends a study to the address that it lies at (s3://… and the like) while it runs."""

from __future__ import annotations

import queue
import threading
import time
import warnings
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.remote import push
from search.callbacks.callback import Callback
from search.study.layout import WORKERS_SEND
from search.study.ledger import Ledger
from trainables.trial import Trial, TrialResult

ALL_EVERY_S = 15.0  # the whole folder, for those who look on: live.json, tensorboard/


class Uploader(Callback):
    """Sends an ended trial at once, and the rest of the study's `folder` now and then.

    A thread of its own does it; workers send their checkpoints themselves. What cannot be sent costs a
    warning and is tried again; `close` raises InputError where it still cannot be sent then. The next run of
    the study sends it, too.
    """

    def __init__(self, folder: Path, ledger: Ledger, all_every_s: float = ALL_EVERY_S) -> None:
        self._folder, self._ledger, self._all_every_s = folder, ledger, all_every_s
        self._ended: queue.Queue[Trial | None] = queue.Queue()
        self._warned = False
        self._thread = threading.Thread(target=self._keep_uploading, name="uploader", daemon=True)
        self._thread.start()

    def trial_ended(self, result: TrialResult) -> None:
        """Sends the trial's files."""
        self._ended.put(result.trial)

    def close(self) -> None:
        """Sends everything that is not there; raises InputError where that is impossible."""
        self._ended.put(None)
        self._thread.join()
        # in the caller's thread, where its InputError is heard
        push(self._folder, WORKERS_SEND)

    def _keep_uploading(self) -> None:
        all_at = time.monotonic()  # the first time at once, for those who look on
        while True:
            try:
                trial = self._ended.get(timeout=max(0.0, all_at - time.monotonic()))
            except queue.Empty:
                self._try(self._folder)
                all_at = time.monotonic() + self._all_every_s
                continue
            if trial is None:
                return
            # the record last: whoever finds it may read the predictions
            self._try(self._ledger.predictions_path(trial), self._ledger.path(trial))

    def _try(self, *paths: Path) -> None:
        try:
            for path in paths:
                if path.exists():  # a trial that failed has no predictions
                    push(path, WORKERS_SEND)
        except InputError as error:
            if not self._warned:
                warnings.warn(f"{error}; what is finished is kept here and sent later", stacklevel=2)
            self._warned = True  # a network that is down fails once a trial: one warning is enough

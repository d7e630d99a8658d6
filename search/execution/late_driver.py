"""The driver of a session, made when the first trial is missing; without one no Ray is needed."""

from __future__ import annotations

import contextlib
import importlib
import threading
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from data_prep.errors import InputError
from search.ray_tune.ahead.process import HeadStart
from search.strategies.preparation import Prepared
from search.study.holding.shared_work import SharedWork
from search.study.index.kept_trials import keep_ledger
from search.study.layout import Layout
from trainables.trial import TrialResult

if TYPE_CHECKING:
    from search.ray_tune.driver import Driver

# a stage's end needs them, but for the first, which Ray imports before the first trial
_NEEDED_LATER = (
    "ray.air.integrations.wandb",
    "sklearn.linear_model",
    "sklearn.metrics",
    "scipy.special",
    "scipy.stats",
)


class LateDriver:
    """Gives the driver of the problem of `prepared`; leaving it as a context manager ends what it gave.

    What was trained by then comes into the index of the ledger, unless the search was interrupted.
    """

    def __init__(self, prepared: Prepared, head_start: HeadStart | None, sharing: SharedWork) -> None:
        self._prepared, self._head_start, self._sharing = prepared, head_start, sharing
        self._ending = ExitStack()

    def __enter__(self) -> LateDriver:
        return self

    def __exit__(self, *error: Any) -> None:
        self._ending.__exit__(*error)
        if "driver" in vars(self) and error[0] is None and self._sharing.holds:
            keep_ledger(self._prepared.ledger)

    @cached_property
    def driver(self) -> Driver:
        """The driver; the first call imports Ray, which takes seconds."""
        from search.ray_tune.driver import Driver

        threading.Thread(target=_import_ahead, name="imports", daemon=True).start()
        options, ledger, sharing = self._prepared.options, self._prepared.ledger, self._sharing

        def record(result: TrialResult, predictions: np.ndarray | None) -> None:
            ledger.record(result, predictions)
            sharing.recorded(result.trial.key)

        driver = Driver(
            self._prepared.problem,
            options.study.cache,
            Layout(ledger.folder).checkpoints,
            options.machine,
            record,
            verbose=options.callbacks.verbose,
            head_start=self._head_start,
        )
        return self._ending.enter_context(driver)

    @property
    def is_connected(self) -> bool:
        """Whether Ray runs; to ask does not start it."""
        return "driver" in vars(self) and self.driver.is_connected

    def make_features(self, backbone: str) -> None:
        """Makes the features of `backbone`, for its linear classifier; a warning says why they cannot be."""
        try:
            self.driver.make_features(backbone)
        except InputError as error:
            warnings.warn(
                f"there is no linear classifier on {backbone} beside the result, as its features cannot be "
                f"made again ({error}); once they can, the same command adds it",
                stacklevel=2,
            )

    def cluster(self) -> Mapping[str, Any]:
        """Returns what is known of Ray's nodes, as `Driver.cluster` does; nothing where none was needed."""
        return self.driver.cluster() if "driver" in vars(self) else {}  # to ask must not start Ray


def _import_ahead() -> None:
    """Imports what is needed later, while this process waits for Ray and the first trial.

    What cannot be imported is said by whoever needs it.
    """
    for name in _NEEDED_LATER:
        with contextlib.suppress(Exception):
            importlib.import_module(name)

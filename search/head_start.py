"""Begins to make features while Ray starts: on one machine a process does without a cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from data_prep.errors import InputError
from search.problem import Problem, extraction_backend
from trainables.extraction import extract
from trainables.images import available_cores
from trainables.process import prepare_process


class HeadStart:
    """A process that makes the rows called `names` (`trainables.inputs`), one after the other.

    What it leaves undone, however it ends, is made by Ray's workers as if it had not been. It ends with
    this process. Use it as a context manager.
    """

    def __init__(self, names: Sequence[str], problem: Problem, cache: Path) -> None:
        paths = [str(path) for path in problem.manifest.image_paths()]
        images = (paths, problem.manifest.image_digests)
        asked = [(*images, name, problem.weights, str(cache), problem.feature_precision) for name in names]
        self._process = multiprocessing.get_context("spawn").Process(
            target=_make, args=(extraction_backend(problem.keras_backend, 0), asked), daemon=True
        )
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: who began it ends it
        try:
            self._process.start()
        finally:
            signal.signal(signal.SIGINT, before)

    def __enter__(self) -> HeadStart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_working():
            self._process.kill()  # rows are kept by the shard

    def is_working(self) -> bool:
        """Returns whether the process has not ended yet."""
        return self._process.is_alive()


def _make(keras_backend: str, asked: Sequence[tuple[Any, ...]]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare_process(keras_backend, available_cores())
    for arguments in asked:
        try:
            extract(*arguments)
        except InputError:
            return  # Ray's workers meet it again, and say it


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)

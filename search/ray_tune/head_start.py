"""Head start of feature extraction: on one machine a process begins while Ray starts."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from data_prep.storage.remote import address_of, shown
from search.options.search_options import SearchOptions
from search.study.setup import Problem, rows_to_make
from trainables.backbones.table import Backbone
from trainables.backend_speed import Work, faster_backend
from trainables.backends import extraction_backend
from trainables.features.inputs import find_rows
from trainables.process_setup import available_cores
from trainables.trial import Trial


class HeadStart:
    """Process that makes the rows called `names` (`trainables.features.inputs`), one after the other.

    What it leaves undone, however it ends, is made by Ray's workers as if it had not been, and they say what
    is wrong. It ends with this process, or with the block: use it as a context manager.
    """

    def __init__(self, names: Sequence[str], problem: Problem, cache: Path) -> None:
        cpus, backend = available_cores(), extraction_backend(problem.keras_backend, 0)
        works = (work_on(find_rows(name), problem, cpus) for name in names)
        if work := next(filter(None, works), None):
            backend = faster_backend(work, backend, cache)
        wanted = {
            "keras_backend": backend,
            "cpus": cpus,
            "images": [shown(path) for path in problem.manifest.image_paths()],
            "digests": problem.manifest.image_digests,
            "names": list(names),
            "weights": problem.weights,
            "cache": shown(cache),
            "precision": problem.feature_precision,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "trainables.features"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # Ray's workers meet the same error, and say it in one line
            start_new_session=True,  # Ctrl-C is for this process, which then ends the other
            text=True,
        )
        with contextlib.suppress(BrokenPipeError):  # it could not even begin
            print(json.dumps(wanted), file=self._process.stdin, flush=True)

    def __enter__(self) -> HeadStart:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # rows are kept by the shard
        self._process.communicate()

    def is_working(self) -> bool:
        """Returns whether the process has not ended yet."""
        return self._process.poll() is None


def work_on(rows: Backbone, problem: Problem, cpus: int, gpus: float = 0.0) -> Work | None:
    """Returns the work of making these rows, None where it is no question on which backend.

    That is for pixels, for few images, and for the report's data, whose numbers hang on no machine's speed.
    """
    work = Work(backbone=rows.name, images=len(problem.labels), cpus=cpus, gpus=gpus)
    return work if rows.frozen and work.pays and not problem.is_reports else None


def head_start(
    trials: Sequence[Trial], problem: Problem, options: SearchOptions
) -> contextlib.AbstractContextManager[HeadStart | None]:
    """Returns a process that makes what `trials` read, where it may lie on this machine; else None."""
    machine, cache = options.machine, options.study.cache
    # it runs on the CPUs of this machine: a GPU, or the nodes of a cluster, are Ray's to use
    elsewhere = machine.address or machine.gpus_per_trial or address_of(cache)
    names = [] if elsewhere else rows_to_make(trials, problem, cache)
    return HeadStart(names, problem, cache) if names else contextlib.nullcontext()

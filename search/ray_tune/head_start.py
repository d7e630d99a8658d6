"""Head start: on one machine a process makes features, or compiles, while Ray starts."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.sources import has_to_draw
from data_prep.storage.remote import address_of, shown
from search.options.search_options import SearchOptions
from search.study.setup import Problem, rows_to_make
from trainables.backbones.table import Backbone
from trainables.backend_speed import Work, faster_backend
from trainables.backends import extraction_backend, installed_backend
from trainables.compile_ahead import note_of
from trainables.features.cache import folder_of_features
from trainables.features.inputs import find_rows, rows_read_by
from trainables.process_setup import COMPILED, available_cores
from trainables.trial import Trial, TrialConfig


class HeadStart:
    """Process that does ahead what Ray's workers would do: `module` with `words`, which is asked for it.

    What it leaves undone, however it ends, is done by them as if it had not been, and they say what is wrong.
    It ends with this process, or with the block: use it as a context manager.
    """

    def __init__(self, module: str, *words: str) -> None:
        self.words = words
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # Ray's workers meet the same error, and say it in one line
            start_new_session=True,  # Ctrl-C is for this process, which then ends the other
            text=True,
        )

    def __enter__(self) -> HeadStart:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, wanted: Mapping[str, Any]) -> HeadStart:
        """Tells the process what is wanted, and returns it."""
        with contextlib.suppress(BrokenPipeError):  # it could not even begin
            print(json.dumps(wanted), file=self._process.stdin, flush=True)
        return self

    def end(self) -> None:
        """Ends the process; what it has made is kept, by the shard or the program."""
        self._process.kill()
        self._process.communicate()

    def is_working(self) -> bool:
        """Returns whether the process has not ended yet."""
        return self._process.poll() is None


def early_start(options: SearchOptions) -> contextlib.AbstractContextManager[HeadStart | None]:
    """Returns a process that builds what makes features while the sample is drawn; else None."""
    cache, machine, data = options.study.cache, options.machine, options.data
    weights = data.weights or "none"  # a sample has random ones
    if not (is_here(options) and has_to_draw(data.manifest) and weights == "none"):
        return contextlib.nullcontext()
    if folder_of_features(cache).exists():
        return contextlib.nullcontext()
    backbone = options.given.get("backbone", TrialConfig.backbone)
    backend = extraction_backend(installed_backend(machine.keras_backend), machine.gpus_per_trial)
    return HeadStart("trainables.features", backend, str(available_cores()), backbone, weights)


@contextlib.contextmanager
def head_start(
    trials: Sequence[Trial], problem: Problem, options: SearchOptions, early: HeadStart | None = None
) -> Iterator[HeadStart | None]:
    """Gives a process that makes the rows that `trials` read, where it may lie on this machine; else None.

    It may be the one that was started `early`. Where there is nothing to make, it compiles what the first
    trial runs.
    """
    cache = options.study.cache
    names = rows_to_make(trials, problem, cache) if is_here(options) else []
    if early and not names:
        early.end()
    if names:
        with features_ahead(names, problem, cache, early) as started:
            yield started
    else:
        ahead = programs_ahead(trials, problem, options) if is_here(options) else None
        with ahead or contextlib.nullcontext():
            yield None


def is_here(options: SearchOptions) -> bool:
    """Returns whether this machine's CPUs do the work: a GPU, or nodes of a cluster, are Ray's to use."""
    machine = options.machine
    return not (machine.address or machine.gpus_per_trial or address_of(options.study.cache))


def features_ahead(
    names: Sequence[str], problem: Problem, cache: Path, early: HeadStart | None = None
) -> HeadStart:
    """Returns the process that makes the rows called `names`, one after the other."""
    cpus, backend = available_cores(), extraction_backend(problem.keras_backend, 0)
    works = (work_on(find_rows(name), problem, cpus) for name in names)
    if work := next(filter(None, works), None):
        backend = faster_backend(work, backend, cache)
    words = (backend, str(cpus))
    if early and early.words[: len(words)] != words:
        early.end()
        early = None
    wanted = {
        "images": [shown(path) for path in problem.manifest.image_paths()],
        "digests": problem.manifest.image_digests,
        "names": list(names),
        "weights": problem.weights,
        "cache": shown(cache),
        "precision": problem.feature_precision,
    }
    return (early or HeadStart("trainables.features", *words)).ask(wanted)


def programs_ahead(trials: Sequence[Trial], problem: Problem, options: SearchOptions) -> HeadStart | None:
    """Returns the process that compiles what the first of `trials` runs; None where that is of no use.

    That is where only one core is there to do both, and for what is no head on features on JAX by itself.
    """
    machine, cache = options.machine, options.study.cache
    first = next(iter(trials), None)
    if first is None or problem.keras_backend != "jax" or available_cores() == 1 or (machine.pack or 1) > 1:
        return None
    if first.data_digest != problem.manifest.digest or first.config.trains_on_images or first.config.head:
        return None
    rows, split = problem.stored_rows(rows_read_by(first.config), cache), problem.split_named(first.split)
    if rows is None or split is None:
        return None
    compiled = cache.absolute() / COMPILED
    with contextlib.suppress(OSError):  # features were just read beside it, which is not to write there
        compiled.mkdir(exist_ok=True)
    wanted = {
        "config": first.config.to_dict(),
        "features": rows.shape[1],
        "train": len(split.train),
        "validation": len(split.validation),
        "classes": problem.classes,
        "cpus": machine.trial_cpus,
        "compiled": str(compiled),
    }
    return None if note_of(wanted).exists() else HeadStart("trainables.compile_ahead").ask(wanted)


def work_on(rows: Backbone, problem: Problem, cpus: int, gpus: float = 0.0) -> Work | None:
    """Returns the work of making these rows, None where it is no question on which backend.

    That is for pixels, for few images, and for the report's data, whose numbers hang on no machine's speed.
    """
    work = Work(backbone=rows.name, images=len(problem.labels), cpus=cpus, gpus=gpus)
    return work if rows.frozen and work.pays and not problem.is_reports else None

"""Head start: on one machine a process makes features, or compiles, while Ray starts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.sources import has_to_draw
from data_prep.storage.remote import address_of, shown
from search.options.search_options import SearchOptions
from search.ray_tune.ahead.process import HeadStart
from search.ray_tune.ahead.programs import programs_ahead
from search.study.setup import Problem, rows_to_make
from trainables.backbones.table import Backbone
from trainables.backend_speed import Work, faster_backend
from trainables.backends import extraction_backend, installed_backend
from trainables.features.cache import folder_of_features
from trainables.features.inputs import find_rows
from trainables.process_setup import available_cores
from trainables.trial import Trial, TrialConfig

__all__ = ["HeadStart", "early_start", "features_ahead", "head_start", "work_on"]


def early_start(options: SearchOptions) -> contextlib.AbstractContextManager[HeadStart | None]:
    """Returns a process that builds what makes features while the sample is drawn; else None."""
    cache, data = options.study.cache, options.data
    weights = data.weights or "none"  # a sample has random ones
    if not (is_here(options) and has_to_draw(data.manifest) and weights == "none"):
        return contextlib.nullcontext()
    if folder_of_features(cache).exists():
        return contextlib.nullcontext()
    backbone = options.given.get("backbone", TrialConfig.backbone)
    backend = extraction_backend(installed_backend(options.machine.keras_backend), 0)
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


def work_on(rows: Backbone, problem: Problem, cpus: int, gpus: float = 0.0) -> Work | None:
    """Returns the work of making these rows, None where it is no question on which backend.

    That is for pixels, for few images, and for the report's data, whose numbers hang on no machine's speed.
    """
    work = Work(backbone=rows.name, images=len(problem.labels), cpus=cpus, gpus=gpus)
    return work if rows.frozen and work.pays and not problem.is_reports else None

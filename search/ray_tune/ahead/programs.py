"""Programs of the first trial, compiled while Ray starts."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from search.options.search_options import SearchOptions
from search.ray_tune.ahead.process import HeadStart
from search.study.setup import Problem
from trainables.compile_ahead import note_of
from trainables.features.inputs import rows_read_by
from trainables.process_setup import COMPILED, available_cores
from trainables.trial import Trial


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

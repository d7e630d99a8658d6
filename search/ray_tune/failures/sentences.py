"""Sentences for what Ray raises: what happened, and the way out."""

from __future__ import annotations

import ray
from ray.tune import TuneError

from data_prep.errors import InputError, in_one_line
from search.ray_tune.failures.worker_failures import ran_out_of_memory, why

AGAIN = "finished trials are kept; run the same command again to continue"
_LETTERS = 200  # of an error


def sentence_of(error: Exception) -> InputError | None:
    """Returns what is said of an error that came out of Ray, None for one that is a bug of ours."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, ray.exceptions.RayTaskError):
        return _of_task(error)
    if ran_out_of_memory(str(error)):
        return InputError(f"{why(str(error))}; {AGAIN}, with fewer trials at a time (--max-concurrent)")
    if isinstance(error, ray.exceptions.RayError | TuneError | ConnectionError | TimeoutError):
        return InputError(f"Ray failed while the search ran ({in_one_line(error, _LETTERS)}); {AGAIN}")
    return None


def _of_task(error: ray.exceptions.RayTaskError) -> InputError | None:
    cause = error.cause
    if isinstance(cause, InputError):
        return cause
    if isinstance(cause, OSError):
        name = cause.filename or "a file"
        return InputError(f"a worker cannot use {name} ({cause.strerror}); {AGAIN}")
    if isinstance(cause, MemoryError):
        return InputError(f"a worker had too little memory; {AGAIN}, with fewer trials at a time")
    return None

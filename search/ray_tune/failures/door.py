"""The one door between a search and Ray: through it comes a result, a sentence, or an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ray import tune

from search.ray_tune.failures.interruption import EndsWhenInterrupted, hearing_interruptions
from search.ray_tune.failures.lost_nodes import LostNodes


@contextmanager
def one_door() -> Iterator[None]:
    """Stands around Tune's loop; a signal ends it, wherever the exception of the signal was raised."""
    with hearing_interruptions():
        yield


def with_watchers(collector: tune.Callback) -> list[tune.Callback]:
    """Returns `collector` with the callbacks that stand for what goes wrong."""
    return [EndsWhenInterrupted(), collector, LostNodes()]

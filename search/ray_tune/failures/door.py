"""The one door between a search and Ray: through it comes a result, a sentence, or an interruption."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray import tune

from data_prep.errors import InputError
from search.ray_tune.failures.interruption import EndsWhenInterrupted, hearing_interruptions
from search.ray_tune.failures.lost_nodes import LostNodes
from search.ray_tune.failures.own_words import keep_words
from search.ray_tune.failures.ray_processes import watched_processes
from search.ray_tune.failures.sentences import sentence_of
from search.ray_tune.stop_requests import Asked, EndsWhenAsked, StopsTrials


class _RequiresCache(tune.Callback):  # type: ignore[misc]  # Ray has no types
    """Lets no trial go on, nor count as failed, while the cache is gone that its rows lie in."""

    def __init__(self, require_cache: Callable[[], None]) -> None:
        self._require_cache = require_cache

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its callbacks down; nobody reads this one back

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Waits for the cache, or ends the search."""
        self._require_cache()

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Waits for the cache, or ends the search."""
        self._require_cache()


@contextmanager
def one_door(study: Path) -> Iterator[None]:
    """Stands around what Ray does for a search.

    A signal ends it, wherever the exception of the signal was raised. Raises InputError in the place of what
    Ray raises, whose own words go to the logs of the folder `study`; a bug of ours stays one.
    """
    with hearing_interruptions(), watched_processes() as processes:
        try:
            yield
        except KeyboardInterrupt:
            if not processes.died:
                raise
            raise InputError(processes.said) from None
        except Exception as error:
            said = sentence_of(error)
            if said is None or said is error:
                raise
            keep_words(study, "".join(traceback.format_exception(error)))
            raise said from error


def with_watchers(
    collector: tune.Callback, study: Path, require_cache: Callable[[], None], *, holds: bool = True
) -> dict[str, Any]:
    """Returns the callbacks of Tune's run, and what stops its trials.

    Beside `collector` they stand for what goes wrong, and for what the dashboard asks in the folder `study`.
    `require_cache` is called before what has failed is trained again. Unless this process `holds` the study,
    the dashboard's requests stay for who does.
    """
    asked = Asked(study, forgets=holds)
    watchers = [EndsWhenInterrupted(), _RequiresCache(require_cache), collector, LostNodes()]
    callbacks = [*watchers, EndsWhenAsked(asked)]
    return {"callbacks": callbacks, "stop": StopsTrials(asked)}

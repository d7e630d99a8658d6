"""The one door between a search and Ray: through it comes a result, a sentence, or an interruption."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray import tune

from data_prep.errors import InputError
from search.ray_tune.failures.interruption import EndsWhenInterrupted, hearing_interruptions
from search.ray_tune.failures.lost_nodes import LostNodes
from search.ray_tune.failures.own_words import keep_words
from search.ray_tune.failures.ray_processes import watched_processes
from search.ray_tune.failures.sentences import AGAIN, sentence_of
from search.ray_tune.stop_requests import Asked, EndsWhenAsked, StopsTrials


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
            raise InputError(f"Ray failed, as its {processes.died} died; {AGAIN}") from None
        except Exception as error:
            said = sentence_of(error)
            if said is None or said is error:
                raise
            keep_words(study, "".join(traceback.format_exception(error)))
            raise said from error


def with_watchers(collector: tune.Callback, study: Path) -> dict[str, Any]:
    """Returns the callbacks of Tune's run, and what stops its trials.

    Beside `collector` they stand for what goes wrong, and for what the dashboard asks in the folder `study`.
    """
    asked = Asked(study)
    callbacks = [EndsWhenInterrupted(), collector, LostNodes(), EndsWhenAsked(asked)]
    return {"callbacks": callbacks, "stop": StopsTrials(asked)}

"""The one door between a search and Ray: through it comes a result, a sentence, or an interruption."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray import tune

from data_prep.errors import InputError
from search.options.run_groups import MachineOptions
from search.ray_tune.failures.interruption import EndsWhenInterrupted, hearing_interruptions
from search.ray_tune.failures.lost_nodes import LostNodes
from search.ray_tune.failures.own_words import keep_words
from search.ray_tune.failures.ray_processes import watched_processes
from search.ray_tune.failures.sentences import AGAIN, sentence_of
from search.ray_tune.failures.worker_failures import last_failure, refusal, refusing_node
from search.ray_tune.nodes import nodes_alive, occupy
from search.ray_tune.packs import slots_on
from search.ray_tune.stop_requests import Asked, EndsWhenAsked, StopsTrials

REFUSALS = 3  # in each place of a node, as a trial may come there before the place is taken


class Refusals:
    """The refusals of nodes, with each of which the node's places are taken before trials come back to it."""

    def __init__(self, machine: MachineOptions) -> None:
        self._machine = machine
        self._heard = Counter[str]()  # by Ray's name of the node

    def hear(self, failure: str, again: bool) -> None:
        """Takes the places of a node that refused, whose trial is trained `again` or not.

        Raises InputError where the trial is not, where no other node has a place for it, and where the node
        goes on to refuse.
        """
        said, name = refusal(failure), refusing_node(failure)
        if not said:
            return
        self._heard[name] += 1
        places = {node.node_id: slots_on(node, self._machine) for node in nodes_alive()}
        here = places.get(name, 0)  # none where the node is gone by now
        others = any(slots for node_id, slots in places.items() if node_id not in self._heard)
        if not (again and others) or self._heard[name] > REFUSALS * max(here, 1):
            raise InputError(f"{said}; {AGAIN}")
        if self._heard[name] == 1:
            occupy(name, self._machine, here)


class _RequiresPlaces(tune.Callback):  # type: ignore[misc]  # Ray has no types
    """Lets no trial go on, nor count as failed, where no trial can be trained, as `require` says."""

    def __init__(self, require: Callable[[str, bool], None]) -> None:
        self._require = require

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its callbacks down; nobody reads this one back

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Waits, or ends the search."""
        self._require(last_failure(trial), True)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Waits, or ends the search."""
        self._require(last_failure(trial), False)


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
    collector: tune.Callback, study: Path, require: Callable[[str, bool], None], *, holds: bool = True
) -> dict[str, Any]:
    """Returns the callbacks of Tune's run, and what stops its trials.

    Beside `collector` they stand for what goes wrong, and for what the dashboard asks in the folder `study`.
    `require` hears of each failure, and whether its trial is trained again, before it is. Unless this process
    `holds` the study, the dashboard's requests stay for who does.
    """
    asked = Asked(study, forgets=holds)
    watchers = [EndsWhenInterrupted(), _RequiresPlaces(require), collector, LostNodes()]
    callbacks = [*watchers, EndsWhenAsked(asked)]
    return {"callbacks": callbacks, "stop": StopsTrials(asked)}

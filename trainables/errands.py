"""What else a worker does for a search: features, final models, and a look at its GPUs.

As in `trainables.worker`, Keras is imported inside the functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.storage.remote import pull, push
from trainables import backend_speed
from trainables.backends import Gpu
from trainables.own_code import OwnCode
from trainables.process_setup import import_keras, prepare_process
from trainables.worker import see_only_what_was_asked_for

if TYPE_CHECKING:
    from trainables.backend_speed import Work


class Extractor:
    """Process that makes rows of images, a share of them at a call.

    `extraction.share_maker` has the arguments. An error here would end the process: `begin` does the work.
    """

    def __init__(self, keras_backend: str, cpus: int, gpus: float, arguments: Sequence[Any]) -> None:
        self._process, self._arguments = (keras_backend, cpus, gpus), arguments

    def begin(self) -> int:
        """Builds what the images go through, and returns that none were; raises InputError as `extract`."""
        see_only_what_was_asked_for()
        from trainables.features.extraction import BATCHES_AT_ONCE, share_maker

        prepare_process(*self._process, batches=BATCHES_AT_ONCE)
        self._make = share_maker(*self._arguments)
        return 0

    def make(self, share: Sequence[range]) -> int:
        """Writes the shards of these rows that are missing; returns how many images it has read."""
        return self._make(share)


def faster_backend(keras_backend: str, cpus: int, work: Work, cache: Path) -> str:
    """Does on this node what `backend_speed.faster_backend` does, and raises what that raises."""
    see_only_what_was_asked_for()
    return backend_speed.faster_backend(work, keras_backend, cache)


def write_model(
    keras_backend: str, cpus: int, config: dict[str, Any], code: OwnCode | None, *places_and_temperature: Any
) -> None:
    """Does in this process what `deployed_model.write_model` does, and raises what that raises."""
    see_only_what_was_asked_for()
    prepare_process(keras_backend, cpus)
    import_keras()
    from trainables.inference import deployed_model

    weights, kept, path, temperature = places_and_temperature
    pull(kept)  # another machine may have trained them
    deployed_model.write_model(config, weights, kept, path, temperature=temperature, code=code)
    push(path)  # where the driver looks for it


def gpus_here(keras_backend: str, cpus: int, gpus: float) -> tuple[Gpu, ...]:
    """Returns the GPUs that Keras sees in this process, which has a share of `gpus` of one."""
    prepare_process(keras_backend, cpus, gpus)
    from trainables.training.devices import gpus_seen

    return gpus_seen()

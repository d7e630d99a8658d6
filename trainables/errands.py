"""What else a worker does for a search: features, final models, and a look at its GPUs.

As in `trainables.worker`, Keras is imported inside the functions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.storage.remote import pull, push
from trainables import backend_speed
from trainables.own_code import OwnCode
from trainables.process_setup import prepare_process
from trainables.worker import see_only_what_was_asked_for

if TYPE_CHECKING:
    from trainables.backend_speed import Work
    from trainables.training.devices import Gpu


def make_features(keras_backend: str, cpus: int, *arguments: Any) -> Path:
    """Makes the features of images in this process and returns their folder; `extract` has the arguments.

    Raises InputError as `trainables.features.extraction.extract` does.
    """
    see_only_what_was_asked_for()
    prepare_process(keras_backend, cpus)
    from trainables.features.extraction import extract

    return extract(*arguments).folder


def make_shards(keras_backend: str, cpus: int, *arguments: Any) -> None:
    """Does in this process what `extraction.extract_share` does, and raises what that raises."""
    see_only_what_was_asked_for()
    prepare_process(keras_backend, cpus)
    from trainables.features.extraction import extract_share

    extract_share(*arguments)


def note_weights(keras_backend: str, cpus: int, *arguments: Any) -> None:
    """Does in this process what `extraction.note_weights` does, and raises what that raises."""
    see_only_what_was_asked_for()
    prepare_process(keras_backend, cpus)
    from trainables.features import extraction

    extraction.note_weights(*arguments)


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

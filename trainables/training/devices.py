"""Several GPUs for one trial: each gets a part of every batch, and all have the same weights."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import keras

from data_prep.errors import InputError
from trainables.backends import Gpu


def device_count() -> int:
    """Returns over how many devices a network on images is spread: all GPUs that this process sees, or 1."""
    return len(_devices())


def gpus_seen() -> tuple[Gpu, ...]:
    """Returns the GPUs that Keras' backend sees in this process."""
    if keras.backend.backend() == "jax":
        import jax

        seen = [device for device in jax.devices() if device.platform == "gpu"]
        return tuple(Gpu(gpu.device_kind, (gpu.memory_stats() or {}).get("bytes_limit", 0)) for gpu in seen)
    import tensorflow as tf

    facts = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return tuple(Gpu(each.get("device_name", "GPU")) for each in facts)


def device_facts() -> dict[str, str]:
    """Returns Keras' backend and the kind of the device that it computes on in this process."""
    seen = gpus_seen()
    return {"keras_backend": keras.backend.backend(), "device": seen[0].kind if seen else "CPU"}


def spreading(devices: int) -> contextlib.AbstractContextManager[Any]:
    """Returns the context in which a network is built, trained and asked that uses all `devices`.

    On JAX that is Keras' DataParallel, which computes as one device would; on TensorFlow MirroredStrategy,
    where BatchNorm has the statistics of each device's part.
    """
    return contextlib.nullcontext() if devices == 1 else _strategy().scope()


def require_divisible(batch_size: int, devices: int) -> None:
    """Raises InputError where a batch cannot be dealt out to the devices in equal parts."""
    if batch_size % devices:
        raise InputError(
            f"a batch of {batch_size} cannot be dealt out to {devices} GPUs; "
            f"use a batch size that is a multiple of {devices}, or --gpus-per-trial 1"
        )


@functools.cache  # TensorFlow's variables belong to the strategy that they were made under
def _strategy() -> Any:
    if keras.backend.backend() == "jax":
        # not sharded: that is for data that several processes read, and a trial is one
        return keras.distribution.DataParallel(devices=_devices(), auto_shard_dataset=False)
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(_devices())


@functools.cache
def _devices() -> list[str]:
    if keras.backend.backend() == "jax":
        return list(keras.distribution.list_devices())
    import tensorflow as tf

    logical = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in logical]

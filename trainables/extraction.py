"""Fills the feature cache: images through a frozen backbone once, resumable, near the bare forward rate.

Keras is imported only where a backbone has to be built.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from data_prep.errors import InputError
from trainables.backbones import (
    Backbone,
    build_backbone,
    find_backbone,
    preprocess,
    weights_digest,
    weights_identity,
)
from trainables.features import (
    Array,
    FeatureKey,
    FeatureStore,
    clear,
    exclusive,
    feature_key,
    find_features,
    join_shards,
    make_key,
    missing_rows,
    read_store,
    remember_weights,
    say_on_stderr,
    write_shard,
)
from trainables.images import Pixels, load_batches

Forward = Callable[[Pixels], npt.NDArray[np.float32]]
OnProgress = Callable[[int, int], None]
LINE_EVERY_S = 10.0


def extract(
    paths: Sequence[str | Path],
    digests: Sequence[str],
    backbone_name: str,
    weights: str,
    cache: str | Path,
    *,
    batch_size: int = 32,
    shard_images: int = 128,
    on_progress: OnProgress | None = None,
    say: Callable[[str], None] = say_on_stderr,
) -> FeatureStore:
    """Returns the cached rows of the images, computing those that are missing; row i is image i.

    A frozen backbone gives features `(n, d)` float32 (inference mode), any other resized pixels
    `(n, px, px, 3)` uint8. `digests` are the first hexadecimal digits of the sha256 of each file. A run
    that is killed continues at the last whole shard of `shard_images`. `on_progress(done, total)` follows
    every batch; `say` gets a line when another process is already at it and this one waits.
    Raises InputError for an unknown backbone, weights that cannot be had, an image that cannot be read or
    has changed, and a cache that cannot be written.
    """
    backbone = find_backbone(backbone_name)
    if not paths:
        raise InputError("features need at least one image, received none")
    found = find_features(cache, backbone, weights, digests)
    if found:
        return found
    build = functools.cache(functools.partial(build_backbone, backbone, weights))
    key = feature_key(cache, backbone, weights, digests)
    if key is None:
        digest = weights_digest(build())
        remember_weights(cache, backbone, weights_identity(weights), digest)
        key = make_key(backbone, digest, digests)
    folder = key.folder(cache)
    with exclusive(folder, say):
        found = read_store(folder)
        if found:
            return found
        clear(folder)
        forward = build_forward(backbone, build(), batch_size) if backbone.frozen else _as_they_are
        rate = fill(
            folder,
            key,
            paths,
            digests,
            forward,
            batch_size=batch_size,
            shard_images=shard_images,
            on_progress=on_progress,
        )
        return join_shards(folder, key, {**_made_by(backbone, weights), "images_per_second": rate})


def fill(
    folder: Path,
    key: FeatureKey,
    paths: Sequence[str | Path],
    digests: Sequence[str],
    forward: Callable[[Pixels], Array],
    *,
    batch_size: int,
    shard_images: int,
    on_progress: OnProgress | None = None,
) -> float:
    """Writes the shards that `folder` lacks and returns the images per second; 0 where none was missing.

    `forward` maps a batch `(n, px, px, 3)` uint8, n up to `batch_size`, to its rows.
    """
    missing = missing_rows(folder, key.images, shard_images)
    rows = [row for shard in missing for row in shard]
    if not rows:
        return 0.0
    started, done = time.perf_counter(), key.images - len(rows)
    batches = load_batches(
        [paths[row] for row in rows], key.input_px, batch_size, digests=[digests[row] for row in rows]
    )
    ready: list[Array] = []
    for batch in batches:
        ready.append(forward(batch))
        ready = _write_complete(folder, missing, ready)
        done += len(batch)
        if on_progress:
            on_progress(done, key.images)
    return len(rows) / (time.perf_counter() - started)


def build_forward(backbone: Backbone, model: Any, batch_size: int) -> Forward:
    """Returns the compiled forward pass, from uint8 RGB `(n, px, px, 3)` to `(n, d)` float32.

    n is at most `batch_size`. Conversion and preprocessing are part of the program. It is compiled
    for one shape: a shorter batch is padded.
    """
    import keras

    images = keras.Input((backbone.input_px, backbone.input_px, 3), dtype="uint8")
    features = model(preprocess(backbone, keras.ops.cast(images, "float32")), training=False)
    program = keras.Model(images, features)
    # On a CPU oneDNN's kernels under tf.function are faster than what XLA makes (74 against 79 ms an image).
    program.compile(jit_compile=keras.backend.backend() != "tensorflow")

    def forward(batch: Pixels) -> npt.NDArray[np.float32]:
        padding = [(0, batch_size - len(batch)), (0, 0), (0, 0), (0, 0)]
        padded = batch if len(batch) == batch_size else np.pad(batch, padding)
        return np.asarray(program.predict_on_batch(padded), dtype=np.float32)[: len(batch)]

    return forward


class Pace:
    """Words for how far a job is: `done/total images, images/s, time left`.

    The rate counts from the first call, so that what a resumed job finds done does not flatter it.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._start: tuple[float, int] | None = None

    def describe(self, done: int, total: int) -> str:
        """Returns the words for `done` of `total` images."""
        self._start = self._start or (self._clock(), done)
        seconds, images = self._clock() - self._start[0], done - self._start[1]
        words = f"{done:,}/{total:,} images"
        if images <= 0 or seconds <= 0:
            return words
        rate = images / seconds
        left = round((total - done) / rate)
        return f"{words}, {rate:,.1f} images/s, {left // 60}:{left % 60:02d} min left"


@contextmanager
def show_progress(label: str, console: Console | None = None) -> Iterator[OnProgress]:
    """Gives an `on_progress` that draws a bar on a terminal and prints a line now and then elsewhere.

    It may be driven from another process than the one that works, with what `progress_of` returns. The
    default console is standard error.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _lines(label, console)
        return
    pace = Pace()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(label, words="")

        def on_progress(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, words=pace.describe(done, total))

        yield on_progress


def _lines(label: str, console: Console) -> OnProgress:
    pace, printed_at, last = Pace(), -LINE_EVERY_S, -1

    def on_progress(done: int, total: int) -> None:
        nonlocal printed_at, last
        words, now = pace.describe(done, total), time.perf_counter()
        due = now - printed_at >= LINE_EVERY_S or done == total
        if due and done != last:
            console.print(f"{label}: {words}", highlight=False, soft_wrap=True)
            printed_at, last = now, done

    return on_progress


def _write_complete(folder: Path, missing: list[range], ready: list[Array]) -> list[Array]:
    """Writes the first of the `missing` shards that `ready` completes; returns what is left of it."""
    while missing and sum(map(len, ready)) >= len(missing[0]):
        shard, values = missing.pop(0), np.concatenate(ready)
        write_shard(folder, shard, values[: len(shard)])
        ready = [values[len(shard) :]]
    return ready


def _as_they_are(batch: Pixels) -> Array:
    return batch


def _made_by(backbone: Backbone, weights: str) -> dict[str, Any]:
    libraries = ("numpy", "pillow", "keras") if backbone.frozen else ("numpy", "pillow")
    return {
        "backbone": backbone.name,
        "weights": weights_identity(weights) if backbone.frozen else "",
        "keras_backend": _keras_backend() if backbone.frozen else "",
        "versions": {library: version(library) for library in libraries},
    }


def _keras_backend() -> str:
    import keras

    return str(keras.backend.backend())

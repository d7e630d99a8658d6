"""Extraction of features: images through a frozen backbone once, resumable, near the bare forward rate.

Keras is imported only where a backbone has to be built.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from data_prep.command_line.console import text_console
from data_prep.command_line.notebook import Bar, in_notebook
from data_prep.errors import InputError
from data_prep.pictures.ahead import done_ahead
from trainables.backbones.table import Backbone
from trainables.backbones.weights import build_backbone, identity_of, preprocess, weights_digest
from trainables.features.cache import (
    FEATURE_PRECISIONS,
    Array,
    FeatureKey,
    FeatureStore,
    bring_rows,
    clear,
    exclusive,
    feature_key,
    find_features,
    finished_rows,
    join_shards,
    make_key,
    missing_rows,
    read_store,
    remember_weights,
    say_on_stderr,
    write_shard,
)
from trainables.features.images import RESIZES, OnProgress, Pixels, Reading, load_batches
from trainables.features.inputs import find_rows
from trainables.process_setup import batches_at_once, fix_keras_settings, import_keras, prepared_cores
from trainables.versions import installed_versions

# batches of 8 to 96 cost the same 72 to 75 ms of CPU an image; small ones end on all cores at once. A run
# that is killed loses a shard at most
BATCH_SIZE, SHARD_IMAGES = 16, 128
# two, each on half of the cores, wait less for each other's threads than one on all of them
BATCHES_AT_ONCE = 2
Forward = Callable[[Pixels], Array]
LINE_EVERY_S = 10.0


def extract(
    paths: Sequence[str | Path],
    digests: Sequence[str],
    rows_name: str,
    weights: str,
    cache: Path,
    precision: str = FEATURE_PRECISIONS[0],
    *,
    batch_size: int = BATCH_SIZE,
    shard_images: int = SHARD_IMAGES,
    on_progress: OnProgress | None = None,
    passing: ForwardPass | None = None,
) -> FeatureStore:
    """Returns the cached rows of the images, computing those that are missing; row i is image i.

    A frozen backbone gives features `(n, d)` float32 (inference mode), any other name of
    `trainables.features.inputs` resized pixels `(n, px, px, 3)` uint8. With the `precision` bfloat16 a
    backbone computes in that; its features are stored as float32, and are some per cent off. `digests` are
    the first hexadecimal digits of the sha256 of each file. A run that is killed continues at the last whole
    shard of `shard_images`. `on_progress(done, total)` follows every batch. Where another process is already
    at it, this one says so on standard error and waits. `passing` is what they go through, where it is made.
    Raises InputError for an unknown name, weights that cannot be had, an image that cannot be read or
    has changed, and a cache that cannot be written.
    """
    backbone = find_rows(rows_name)
    if not paths:
        raise InputError("features need at least one image, received none")
    found = find_features(cache, backbone, weights, digests, precision)
    if found:  # before Keras, whose import takes three seconds
        return found
    passing = passing or ForwardPass(backbone, weights, precision, batch_size)
    key, resize = _key_of(passing, cache, digests), _resize(backbone)

    def compute(missing: list[range]) -> float:
        forward = passing.compiled
        return fill(key, cache, missing, paths, digests, forward, batch_size, on_progress, resize=resize)

    facts = made_by(backbone, weights, _keras_backend() if backbone.frozen else "")
    return complete(key, cache, compute, facts, shard_images=shard_images)


def complete(
    key: FeatureKey,
    cache: Path,
    compute: Callable[[list[range]], float],
    facts: Mapping[str, Any],
    *,
    shard_images: int = SHARD_IMAGES,
) -> FeatureStore:
    """Returns the rows of `key`; holds them while `compute` writes the shards that are missing.

    `compute` gets their row ranges and returns the images per second. `facts` go into the index.
    """
    folder = key.folder(cache)
    with exclusive(folder, say_on_stderr):
        found = read_store(folder)
        if found:  # another process made them while this one waited
            return found
        clear(folder)
        missing = missing_rows(folder, key.images, shard_images)
        rate = compute(missing) if missing else 0.0  # 0: nothing was timed
        bring_rows(key, cache)  # the shards of other machines
        return join_shards(folder, key, {**facts, "images_per_second": rate})


def share_maker(
    paths: Sequence[str | Path],
    digests: Sequence[str],
    rows_name: str,
    weights: str,
    cache: Path,
    precision: str = FEATURE_PRECISIONS[0],
    *,
    batch_size: int = BATCH_SIZE,
) -> Callable[[Sequence[range]], int]:
    """Returns what writes the shards of some rows for another process, which is in `complete`.

    It leaves those that there are, and returns how many images it has read. The digest of the weights is
    known in the cache from then on. `paths` and `digests` are those of all images.
    Raises InputError as `extract` does.
    """
    backbone = find_rows(rows_name)
    passing = ForwardPass(backbone, weights, precision, batch_size)
    key, forward = _key_of(passing, cache, digests), passing.compiled

    def make(share: Sequence[range]) -> int:
        done = finished_rows(key.folder(cache))
        missing = [rows for rows in share if rows not in done]
        if missing:
            fill(key, cache, missing, paths, digests, forward, batch_size, resize=_resize(backbone))
        return sum(map(len, missing))

    return make


class ForwardPass:
    """What batches of images go through for rows: a frozen `backbone` that is built when it is first needed.

    Without one the pixels themselves are the rows. Keras is imported with it.
    """

    def __init__(
        self,
        backbone: Backbone,
        weights: str,
        precision: str = FEATURE_PRECISIONS[0],
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self.of = (backbone, weights, precision)
        self._batch_size = batch_size

    @functools.cached_property
    def model(self) -> Any:
        """The network, whose weights are float32 in either precision."""
        backbone, weights, precision = self.of
        import_keras()
        import keras

        fix_keras_settings()
        before = keras.config.dtype_policy()  # Keras' policy is the process', which goes on to train
        if precision != FEATURE_PRECISIONS[0]:
            keras.config.set_dtype_policy(f"mixed_{precision}")
        try:
            return build_backbone(backbone, weights)
        finally:
            keras.config.set_dtype_policy(before)

    @functools.cached_property
    def compiled(self) -> Forward:
        """The pass of a batch, which is compiled for its shape by the first one."""
        backbone, *_ = self.of
        if not backbone.frozen:
            return lambda batch: batch
        return build_forward(backbone, self.model, self._batch_size)

    def warm_up(self) -> None:
        """Builds and compiles all that a batch needs."""
        side = self.of[0].input_px
        self.compiled(np.zeros((1, side, side, 3), np.uint8))


def _key_of(passing: ForwardPass, cache: Path, digests: Sequence[str]) -> FeatureKey:
    """Returns the key of the rows; where the weights are not known they are built, and noted."""
    backbone, weights, precision = passing.of
    key = feature_key(cache, backbone, weights, digests, precision)
    if key is None:
        digest = weights_digest(passing.model)
        remember_weights(cache, backbone, identity_of(backbone, weights), digest)
        key = make_key(backbone, digest, digests, precision)
    return key


def fill(
    key: FeatureKey,
    cache: Path,
    missing: Sequence[range],
    paths: Sequence[str | Path],
    digests: Sequence[str],
    forward: Callable[[Pixels], Array],
    batch_size: int,
    on_progress: OnProgress | None = None,
    *,
    resize: str = RESIZES[0],
) -> float:
    """Writes the shards of the row ranges `missing` and returns the images per second.

    `paths` and `digests` are those of all images; `forward` maps a batch `(n, px, px, 3)` uint8, n up to
    `batch_size`, to its rows; threads call it for as many batches as this process was prepared for.
    """
    rows = [row for shard in missing for row in shard]  # a batch may cross from one shard to the next
    started, done, left = time.perf_counter(), key.images - len(rows), list(missing)
    batches = load_batches(
        [paths[row] for row in rows],
        key.input_px,
        batch_size,
        prepared_cores(),  # the others are those of other processes
        digests=[digests[row] for row in rows],
        resize=resize,
    )
    at_once = batches_at_once()
    # one more than they are at, so that none waits for the next
    passed = done_ahead(forward, zip(batches), at_once + 1, at_once)
    ready: list[Array] = []
    with closing(passed):  # ends the threads where a shard cannot be written
        for made in passed:
            ready = _write_complete(key.folder(cache), left, [*ready, made])
            done += len(made)
            if on_progress:
                on_progress(done, key.images)
    return len(rows) / (time.perf_counter() - started)


def build_forward(backbone: Backbone, model: Any, batch_size: int) -> Forward:
    """Returns the compiled forward pass, from uint8 RGB `(n, px, px, 3)` to `(n, d)` float32.

    n is at most `batch_size`. Conversion and preprocessing are part of the program. It is compiled
    for one shape: a shorter batch is padded.
    """
    import keras

    fix_keras_settings()
    images = keras.Input((backbone.input_px, backbone.input_px, 3), dtype="uint8")
    features = model(preprocess(backbone, keras.ops.cast(images, "float32")), training=False)
    program = keras.Model(images, features)
    # On a CPU oneDNN's kernels under tf.function are faster than what XLA makes (74 against 79 ms an image).
    program.compile(jit_compile=keras.backend.backend() != "tensorflow")
    program.make_predict_function()  # now: threads that call it would make one each

    def forward(batch: Pixels) -> npt.NDArray[np.float32]:
        padding = [(0, batch_size - len(batch)), (0, 0), (0, 0), (0, 0)]
        padded = batch if len(batch) == batch_size else np.pad(batch, padding)
        return np.asarray(program.predict_on_batch(padded), dtype=np.float32)[: len(batch)]

    return forward


def made_by(backbone: Backbone, weights: str, keras_backend: str) -> dict[str, Any]:
    """Returns the facts that stand in the index beside the key; the backend is empty for pixels."""
    libraries = ("numpy", "pillow", "keras") if backbone.frozen else ("numpy", "pillow")
    return {
        "backbone": backbone.name,
        "weights": identity_of(backbone, weights) if backbone.frozen else "",
        "keras_backend": keras_backend,
        "versions": installed_versions(libraries),
    }


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
        return f"{words}, {rate:,.1f} images/s, {left // 60}:{left % 60:02d} left"


@contextmanager
def show_progress(label: str, console: Console | None = None) -> Iterator[OnProgress]:
    """Gives an `on_progress` that draws a bar on a terminal and prints a line now and then elsewhere.

    It may be driven from another process than the one that works, with what `progress_of` returns. The
    default console is standard error.
    """
    console = console or text_console(stderr=True)
    if in_notebook():
        yield _bar(label, Bar())
        return
    if not console.is_terminal:
        yield _lines(label, console)
        return
    pace = Pace()
    console.print(label, soft_wrap=True)  # beside the bar, the two would cut each other
    columns = (BarColumn(bar_width=24), TextColumn("{task.fields[words]}"))
    # standard output is not its own: a session keeps Ray's words out of what is printed there
    with Progress(*columns, console=console, redirect_stdout=False) as progress:
        task = progress.add_task("", words="")

        def on_progress(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, words=pace.describe(done, total))

        yield on_progress


def _bar(label: str, bar: Bar) -> OnProgress:
    pace = Pace()
    return lambda done, total: bar.draw(done, total, f"{label}: {pace.describe(done, total)}")


def _lines(label: str, console: Console) -> OnProgress:
    pace, printed_at, last = Pace(), -LINE_EVERY_S, -1  # the first line comes at once

    def on_progress(done: int, total: int) -> None:
        nonlocal printed_at, last
        words, now = pace.describe(done, total), time.perf_counter()
        due = now - printed_at >= LINE_EVERY_S or done == total
        if due and done != last:
            # a log has neither colours nor lines broken for a screen
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


def _resize(backbone: Backbone) -> str:
    return Reading.named(backbone.reading).resize


def _keras_backend() -> str:
    import keras

    return str(keras.backend.backend())

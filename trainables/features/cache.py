"""The feature cache: content-addressed arrays, made once, whole or resumable, checked, and memory-mapped.

    <cache>/features/<key>/features.npy        what trials read
                           index.json          what made it, and its checksum; there once it is whole
                           shards/             finished rows while it is being made
    <cache>/weights/<backbone>-….json          the digest of weights that were built before

Neither Keras nor Ray is imported: a run whose features are here starts at once.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from data_prep.digests import digest_of_file, digest_of_values
from data_prep.errors import InputError, StorageError
from data_prep.storage.atomic_files import put_whole, write_whole
from data_prep.storage.json_files import Format, read_json, write_json
from data_prep.storage.remote import address_of, drop, pull, push
from trainables.backbones.table import Backbone
from trainables.backbones.weights import identity_of
from trainables.features.images import Reading
from trainables.hyperparameters import AVERAGE

Array = npt.NDArray[Any]
INDEX = Format(1, sealed_from=1, oldest=0)  # of index.json
WEIGHTS_NOTE = Format(1, sealed_from=1, oldest=0)  # of weights/*.json
SPEEDS = Format(1, sealed_from=1, oldest=1)  # of backends/*.json
FEATURE_PRECISIONS = ("float32", "bfloat16")  # of a backbone's arithmetic


class DamagedCacheWarning(UserWarning):
    """Cached rows no longer have their checksum; they are computed again."""


def folder_of_features(cache: Path) -> Path:
    """Returns the absolute folder of all rows in `cache`."""
    return cache.absolute() / "features"


@dataclass(frozen=True, kw_only=True)
class FeatureKey:
    """The identity of cached rows: features of a frozen backbone, or the resized pixels alone.

    It is everything that determines them. `application` and `weights_digest` are empty for pixels. Backend
    and library versions are recorded beside the rows but not part of the key: features agree between them
    to float tolerance. `precision` is that of the backbone's arithmetic; the rows are `dtype`.
    """

    application: str
    weights_digest: str
    input_px: int
    preprocessing: str
    dtype: str
    images: int
    images_digest: str
    precision: str = FEATURE_PRECISIONS[0]

    @property
    def name(self) -> str:
        """32 hexadecimal digits, the name of the folder."""
        facts = asdict(self)
        if self.precision == FEATURE_PRECISIONS[0]:  # so are the names of before there was a choice
            del facts["precision"]
        return digest_of_values(facts)

    def folder(self, cache: Path) -> Path:
        """Returns the absolute folder of these rows in `cache`."""
        return folder_of_features(cache) / self.name


@dataclass(frozen=True)
class FeatureStore:
    """A finished array of the cache: `(n, d)` float32 features or `(n, px, px, 3)` uint8 pixels.

    Row i belongs to image i. A value to hand to another process, which opens it for itself.
    """

    folder: Path
    shape: tuple[int, ...]
    dtype: str

    def open(self) -> Array:
        """Returns the rows as a read-only memory map; raises InputError where the file is gone."""
        return open_features(self.folder)

    @property
    def images_per_second(self) -> float | None:
        """The rate at which the rows were made, None where other processes made them."""
        return float(read_json(self.folder / "index.json", INDEX).get("images_per_second", 0.0)) or None


def open_features(folder: Path) -> Array:
    """Returns the rows in `folder` as a read-only memory map, without verifying their checksum."""
    try:
        # a pickle could run code
        rows: Array = np.load(folder / "features.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the features in {folder} cannot be opened ({error}); run again to make them"
        ) from error
    return rows


def find_features(
    cache: Path,
    backbone: Backbone,
    weights: str,
    image_digests: Sequence[str],
    precision: str = FEATURE_PRECISIONS[0],
) -> FeatureStore | None:
    """Returns the finished, verified rows of these images, or None where they are still to be made.

    Damaged rows count as still to be made and cause a DamagedCacheWarning. For a backbone that is not
    frozen the rows are pixels. Raises InputError where `weights` names no file.
    """
    key = feature_key(cache, backbone, weights, image_digests, precision)
    return read_store(bring_rows(key, cache)) if key else None


def measured_rate(cache: Path, backbone: str, precision: str) -> float | None:
    """Returns the images a second at which the features of a backbone were made, of whichever images.

    It is the median where `cache` has several, None where it has none.
    """
    rates = []
    for path in folder_of_features(cache).glob("*/index.json"):
        with suppress(ValueError, OSError):  # what is damaged is said where it is read
            index = read_json(path, INDEX)
            if (index.get("backbone"), index.get("key", {}).get("precision")) == (backbone, precision):
                rates.append(float(index.get("images_per_second", 0.0)))
    return median(rates) or None if rates else None


def bring_rows(key: FeatureKey, cache: Path) -> Path:
    """Returns the folder of the rows, with what others have made of them where the cache has an address."""
    folder = key.folder(cache)
    pull(folder, without=("index.json",))
    pull(folder / "index.json")  # the index last: with it the rows are whole
    return folder


def feature_key(
    cache: Path,
    backbone: Backbone,
    weights: str,
    image_digests: Sequence[str],
    precision: str = FEATURE_PRECISIONS[0],
) -> FeatureKey | None:
    """Returns the key of the rows, or None while the digest of the backbone's weights is unknown here."""
    if not backbone.frozen:
        return make_key(backbone, "", image_digests)
    digest = recall_weights(cache, backbone, identity_of(backbone, weights))
    return make_key(backbone, digest, image_digests, precision) if digest else None


def make_key(
    backbone: Backbone,
    weights_digest: str,
    image_digests: Sequence[str],
    precision: str = FEATURE_PRECISIONS[0],
) -> FeatureKey:
    """Returns the key of the rows for weights whose digest is known; pixels have no `precision`."""
    return FeatureKey(
        application=_pooled_application(backbone),
        weights_digest=weights_digest,
        input_px=backbone.input_px,
        preprocessing=f"{Reading.named(backbone.reading).decoder}; {backbone.preprocessing}",
        # halves would no longer give the numbers of the whole network
        dtype="float32" if backbone.frozen else "uint8",
        images=len(image_digests),
        images_digest=hashlib.sha256("\n".join(image_digests).encode()).hexdigest(),
        precision=precision if backbone.frozen else FEATURE_PRECISIONS[0],
    )


def _pooled_application(backbone: Backbone) -> str:
    # average pooling is not said: there was no other once
    pooling = "" if backbone.pooling == AVERAGE else f", pooling {backbone.pooling}"
    return f"{backbone.application}{pooling}"


def recall_weights(cache: Path, backbone: Backbone, identity: str) -> str | None:
    """Returns the digest that `remember_weights` noted for the installed Keras and numpy, or None."""
    note = _weights_note(cache, backbone, identity)
    pull(note)
    try:
        values = read_json(note, WEIGHTS_NOTE)
        # format 0 called them digest, which is now every file's own
        return str(values["weights"] if values["format"] else values["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember_weights(cache: Path, backbone: Backbone, identity: str, digest: str) -> None:
    """Notes the digest of the weights, so that the next run finds its features without building them."""
    note = _weights_note(cache, backbone, identity)
    with cache_errors(note.parent):
        write_json(note, {"format": WEIGHTS_NOTE.number, "weights": digest})
    push(note)


def progress_of(cache: Path, key: FeatureKey) -> tuple[int, int]:
    """Returns how many images are done and how many there are; cheap, for any process with the cache."""
    folder = bring_rows(key, cache)
    if is_whole(cache, key):
        return key.images, key.images
    return sum(map(len, finished_rows(folder))), key.images


def is_whole(cache: Path, key: FeatureKey) -> bool:
    """Returns whether the rows are finished here; their checksum is not looked at."""
    return (key.folder(cache) / "index.json").exists()


@contextmanager
def exclusive(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds `folder` for this process; where another one does, says so and waits for it.

    The lock is the operating system's and ends with its process, however that ends.
    """
    import filelock  # here and below: every command knows the cache, and few make any of it

    with cache_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / "lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            say(f"another process is making the features in {folder}; waiting for it")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def read_store(folder: Path) -> FeatureStore | None:
    """Returns the finished rows of `folder`, None where there are none or (with a warning) damaged ones."""
    index = folder / "index.json"
    if not index.exists():
        return None
    try:
        facts = read_json(index, INDEX)
        if digest_of_file(folder / "features.npy") == facts["checksum"]:
            return FeatureStore(folder, tuple(facts["shape"]), facts["key"]["dtype"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    warnings.warn(
        f"the cached features in {folder} are damaged and made again", DamagedCacheWarning, stacklevel=2
    )
    return None


def clear(folder: Path) -> None:
    """Removes finished rows, index first; whoever has them mapped keeps reading them."""
    with cache_errors(folder):
        for name in ("index.json", "features.npy"):
            drop(folder / name)


def missing_rows(folder: Path, rows: int, shard_rows: int) -> list[range]:
    """Returns the row ranges without an intact shard, none longer than `shard_rows`.

    Shards whose content does not match their name are removed with a DamagedCacheWarning, and so is what
    a killed process left unfinished.
    """
    shards = folder / "shards"
    for unfinished in shards.glob("*.part"):
        unfinished.unlink()
    for _, path in _shard_files(folder):
        if digest_of_file(path)[:16] != path.stem.rpartition("-")[2]:
            warnings.warn(
                f"the cached rows in {path} are damaged and made again", DamagedCacheWarning, stacklevel=2
            )
            drop(path)
    present = finished_rows(folder)
    starts, stops = [0, *(done.stop for done in present)], [*(done.start for done in present), rows]
    return [
        range(first, min(first + shard_rows, stop))
        for start, stop in zip(starts, stops, strict=True)
        for first in range(start, stop, shard_rows)
    ]


def finished_rows(folder: Path) -> list[range]:
    """Returns the row ranges that have a shard, in their order."""
    return [rows for rows, _ in _shard_files(folder)]


def write_shard(folder: Path, rows: range, values: Array) -> None:
    """Keeps the rows `values` `(len(rows), …)`, whole or not at all, under a name with their checksum."""
    shards = folder / "shards"
    with cache_errors(folder):
        # its folder was made before, and where the storage went away it must not be made again
        shards.mkdir(parents=address_of(folder) is not None, exist_ok=True)
        # the checksum is in the name: a shard is one file, and says itself whether it is whole
        part = shards / f"{rows.start}-{os.getpid()}.part"  # never that of a worker thought to be dead
        with part.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        name = f"{rows.start:09d}-{rows.stop:09d}-{digest_of_file(part)[:16]}.npy"
        whole = put_whole(part, shards / name)
    push(whole)


def join_shards(folder: Path, key: FeatureKey, facts: Mapping[str, Any]) -> FeatureStore:
    """Makes the finished array of all shards, its checksum and its index with `facts`; removes the shards."""
    paths = [path for _, path in _shard_files(folder)]
    shape = (key.images, *np.load(paths[0], mmap_mode="r", allow_pickle=False).shape[1:])

    def write(file: BinaryIO) -> None:  # shard by shard: all rows at once may not fit into memory
        header = {"descr": np.dtype(key.dtype).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for path in paths:
            file.write(np.load(path, allow_pickle=False).data)

    with cache_errors(folder):
        write_whole(folder / "features.npy", write)
        checksum = digest_of_file(folder / "features.npy")
        made = {"key": asdict(key), "shape": shape, "checksum": checksum}
        index = {"format": INDEX.number, **made, **facts}
        write_json(folder / "index.json", index)
    for name in ("features.npy", "index.json"):  # the index last: with it the rows are whole
        push(folder / name)
    drop(folder / "shards")
    return FeatureStore(folder, shape, key.dtype)


@contextmanager
def cache_errors(folder: Path) -> Iterator[None]:
    """Turns a full disk or a forbidden folder into a sentence, which a driver may hear of its workers."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"the feature cache cannot be written in {folder} ({reason}); "
            "make room there or name another folder for the cache",
            error.errno,
            reason,
        ) from error


def say_on_stderr(message: str) -> None:
    """Prints a line for the person who waits."""
    print(message, file=sys.stderr, flush=True)


def _shard_files(folder: Path) -> list[tuple[range, Path]]:
    """Returns the shards in the order of their rows."""
    # padded with zeros: the order of names is that of rows
    paths = sorted((folder / "shards").glob("*-*-*.npy"))
    return [(range(*map(int, path.stem.split("-")[:2])), path) for path in paths]


def _weights_note(cache: Path, backbone: Backbone, identity: str) -> Path:
    from importlib.metadata import version

    # random weights are numpy's numbers in Keras' layers: another version of either may give others
    made_by = f"keras-{version('keras')}-numpy-{version('numpy')}"
    name = f"{backbone.application}-{identity}-{made_by}.json".replace(":", "-")
    return cache.absolute() / "weights" / name

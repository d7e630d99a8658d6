"""The file of looks beside a manifest: what the pictures look like, taken once, found by their digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.errors import InputError
from data_prep.manifest import Manifest
from data_prep.pictures.ahead import done_ahead
from data_prep.pictures.decoder import decoded
from data_prep.pictures.files import bytes_of
from data_prep.pictures.look import LOOK_PX, LOOK_REVISION, Look, look_at
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.remote import shown

_REVISION = b"stagewise.look_revision"
_AHEAD = 64  # looks that wait for one which takes longer


def look_path(manifest: Path) -> Path:
    """Returns the path of the file of looks beside the manifest at `manifest`."""
    return manifest.with_suffix(".looks.parquet")


def write_looks(path: Path, looks: Mapping[str, Look]) -> None:
    """Writes looks by the digests of their files, whole or not at all; not where no file can be written.

    The file saves time and nothing hangs on it.
    """
    columns = {"digest": list(looks)} | {
        each.name: [getattr(look, each.name) for look in looks.values()] for each in fields(Look)
    }
    table = pa.table(columns).replace_schema_metadata({_REVISION: str(LOOK_REVISION)})
    if os.access(path.parent, os.W_OK | os.X_OK):
        write_whole(path, lambda file: pq.write_table(table, file))


def read_looks(path: Path) -> dict[str, Look]:
    """Returns looks by the digests of their files; none where the file is missing or damaged."""
    try:
        table = pq.read_table(path, partitioning=None)  # a folder called a=b on the way would become a column
        if (table.schema.metadata or {}).get(_REVISION) != str(LOOK_REVISION).encode():
            return {}  # hashes of another revision tell nothing beside these
        rows = table.to_pylist()
        return {row.pop("digest"): Look(**row) for row in rows}
    except (pa.ArrowException, OSError, TypeError, KeyError):
        return {}


def looks_of(
    manifest: Manifest, path: Path, on_looked: Callable[[int, int], None] = lambda done, total: None
) -> tuple[Look, ...]:
    """Returns the look of every row's picture; those that the file at `path` does not have are taken.

    `on_looked(done, total)` hears of each that is taken. Raises InputError where a picture cannot be read or
    has changed since the manifest was built.
    """
    known = read_looks(path)
    files = dict(zip(manifest.image_digests, manifest.image_paths(), strict=True))
    missing = [(file, digest) for digest, file in files.items() if digest not in known]
    taken = done_ahead(_look, missing, _AHEAD, os.cpu_count() or 1)
    for done, ((_, digest), look) in enumerate(zip(missing, taken, strict=True), start=1):
        known[digest] = look
        on_looked(done, len(missing))
    if missing:
        write_looks(path, {digest: known[digest] for digest in files})
    return tuple(known[digest] for digest in manifest.image_digests)


def _look(file: Path, digest: str) -> Look:
    with bytes_of(file) as content:
        if not hashlib.sha256(content).hexdigest().startswith(digest):
            raise InputError(f"{shown(file)} has changed since the manifest was built; build it again")
        with decoded(content, shown(file), at_least_px=LOOK_PX, min_side=None) as picture:
            return look_at(picture.image)

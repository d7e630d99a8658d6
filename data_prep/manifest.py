"""The manifest: images with labels, subjects and folds, and a digest that names exactly this data."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.digests import DIGEST_LENGTH
from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.remote import address_of, is_file, pull, shown

MANIFEST_COLUMNS = ("path", "label", "subject", "fold", "age", "source")
LABEL_NAMES = {0: "female", 1: "male"}
NAMED_SOURCES = ("adience", "celeba", "sample")  # whose labels have these names; of others nobody knows them

_DTYPES = {
    "path": "string",
    "label": "int8",
    "subject": "string",
    "fold": "Int64",
    "age": "string",
    "source": "string",
}
_ARROW_TYPES = {
    name: {"int8": pa.int8(), "Int64": pa.int64()}.get(kind, pa.string()) for name, kind in _DTYPES.items()
}
_SAY_WHERE = (
    "say where they are now (--data-root or --celeba-root of search.run, --root of search.predict), or build "
    "the manifest again"
)
_ROOT, _DIGEST, _IMAGE_DIGESTS = b"stagewise.root", b"stagewise.digest", b"stagewise.image_digests"


@dataclass(frozen=True, eq=False)  # tables compare by the cell; two data sets compare by their digests
class Manifest:
    """A data set: one row per image.

    `table` has exactly `MANIFEST_COLUMNS`: path (POSIX, relative to `root`), label (int8: 0 female, 1 male),
    subject (string or NA), fold (nullable Int64), age (string or NA), source (string). `root` is absolute.
    `image_digests` holds for every row, in order, 32 hexadecimal digits of the SHA-256 of the file's bytes.
    `digest` names the rows and the image bytes, not the root: moving the folder does not change it.
    """

    table: pd.DataFrame
    root: Path
    image_digests: tuple[str, ...]
    digest: str

    def __post_init__(self) -> None:
        if tuple(self.table.columns) != MANIFEST_COLUMNS:
            raise ValueError(
                f"table must have the columns {MANIFEST_COLUMNS}, received {tuple(self.table.columns)}"
            )
        if len(self.table) != len(self.image_digests):
            raise ValueError(
                f"image_digests must have {len(self.table)} entries, received {len(self.image_digests)}"
            )
        if not self.root.is_absolute():
            raise ValueError(f"root must be an absolute path, received {self.root}")

    @classmethod
    def of(cls, table: pd.DataFrame, root: Path, image_digests: Sequence[str]) -> Manifest:
        """Returns the manifest of `table`, with its digest computed."""
        typed = typed_table(table)
        return cls(typed, root, tuple(image_digests), _digest(typed, image_digests))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def is_drawn(self) -> bool:
        """Whether any row is a drawing of the sample rather than a photograph."""
        return bool((self.table["source"] == "sample").any())

    def image_paths(self) -> list[Path]:
        """Returns the absolute path of every image, in row order."""
        return [self.root / path for path in self.table["path"]]


def typed_table(table: pd.DataFrame) -> pd.DataFrame:
    """Returns `table` with exactly `MANIFEST_COLUMNS`, in their types, numbered from 0."""
    return table[list(MANIFEST_COLUMNS)].astype(_DTYPES).reset_index(drop=True)


def describe_label(label: int, source: str) -> str:
    """Returns the name of `label` for a reader: "1 male" where its data set names it, else "label 1"."""
    return f"{label} {LABEL_NAMES[label]}" if source in NAMED_SOURCES else f"label {label}"


def require_both_labels(manifest: Manifest) -> None:
    """Raises InputError where every row has the same label: nothing can be learned from it."""
    labels = manifest.table["label"].unique().tolist()
    if len(labels) < 2:
        source = str(manifest.table["source"].iloc[0]) if labels else ""
        found = ", ".join(describe_label(label, source) for label in labels) or "no row at all"
        raise InputError(
            f"training needs images of both labels, the {len(manifest):,} rows have only {found}; "
            "build a manifest of data with both"
        )


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Writes `manifest` as a parquet file at `path`, whole or not at all.

    The file holds the six columns; root, digest and image digests stand in its schema metadata. Raises
    InputError where `path` cannot be written.
    """
    # in the file itself, so that a manifest that is moved or copied keeps them
    metadata = {
        _ROOT: str(manifest.root),
        _DIGEST: manifest.digest,
        _IMAGE_DIGESTS: "".join(manifest.image_digests),
    }
    values = [pa.array(_plain(manifest.table[name]), type=_ARROW_TYPES[name]) for name in MANIFEST_COLUMNS]
    arrow = pa.Table.from_arrays(values, schema=pa.schema(_ARROW_TYPES.items(), metadata=metadata))
    require_writable(path)
    try:
        write_whole(path, lambda file: pq.write_table(arrow, file))
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); choose another --out") from error


def require_writable(path: Path) -> None:
    """Raises InputError where no file could be written at `path`."""
    if not path.parent.is_dir():
        raise InputError(f"the folder of the output {path} does not exist; make it, or choose another --out")
    if path.is_dir():
        raise InputError(f"the output must be a file, {path} is a folder; choose a file in it")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"the folder of the output {path} is not writable; choose another --out")


def read_manifest(path: Path, root: Path | None = None) -> Manifest:
    """Returns the manifest at `path`; its images lie in `root` where given, else where they were before.

    Both may be copies of what has an address (`data_prep.storage.remote`).

    Raises InputError where the file is missing, is not a parquet file, is not a manifest, was changed
    after it was written, or where its images are no longer there. Only the first image is looked for.
    """
    pull(path)
    arrow = _read_parquet(path)
    _require_ours(path, arrow)
    metadata = arrow.schema.metadata
    digests = _cut(metadata[_IMAGE_DIGESTS].decode())
    try:
        manifest = Manifest.of(arrow.to_pandas(), _found_root(path, metadata[_ROOT].decode(), root), digests)
    except (ValueError, TypeError) as error:
        if isinstance(error, InputError):  # a ValueError, too, and a sentence already
            raise
        raise InputError(f"{path} is a damaged manifest ({error}); build it again") from error
    if manifest.digest != metadata[_DIGEST].decode():
        raise InputError(
            f"the rows of {path} have the digest {manifest.digest}, it was written with "
            f"{metadata[_DIGEST].decode()}: the file was changed afterwards; build it again"
        )
    _require_first_image(path, manifest)
    return manifest


def _read_parquet(path: Path) -> pa.Table:
    if not path.is_file():
        raise InputError(f"there is no manifest {shown(path)}; make one with python -m data_prep.build")
    try:
        # else a folder on the way that is called a=b would become a column a
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        number = getattr(error, "errno", None)  # of the operating system; what is no parquet has none
        if number is not None:
            raise InputError(
                f"{path} cannot be read ({os.strerror(number)}); check its permissions"
            ) from error
        raise InputError(
            f"{path} is not a readable parquet file; make a manifest with python -m data_prep.build"
        ) from error


def _require_ours(path: Path, arrow: pa.Table) -> None:
    missing = [name for name in MANIFEST_COLUMNS if name not in arrow.column_names]
    if missing:
        raise InputError(
            f"{path} is not a manifest: the column {', '.join(missing)} is missing; "
            "make one with python -m data_prep.build"
        )
    if not {_ROOT, _DIGEST, _IMAGE_DIGESTS} <= set(arrow.schema.metadata or {}):
        raise InputError(
            f"{path} is not a manifest: it does not say where its images lie and what their digests are; "
            "make one with python -m data_prep.build"
        )


def _found_root(path: Path, written: str, override: Path | None) -> Path:
    root = Path(written) if override is None else override.absolute()
    if address_of(root) is None and not root.is_dir():
        raise InputError(f"the images of {path} were looked for in {root}, which is not there; {_SAY_WHERE}")
    return root


def _require_first_image(path: Path, manifest: Manifest) -> None:
    first = next(iter(manifest.image_paths()), None)  # on shared storage all would take minutes
    if first is not None and not is_file(first):
        raise InputError(
            f"the first image of {path} was looked for at {shown(first)}, which is not there; {_SAY_WHERE}"
        )


def _digest(table: pd.DataFrame, image_digests: Sequence[str]) -> str:
    rows = zip(*(_plain(table[name]) for name in MANIFEST_COLUMNS), image_digests, strict=True)
    digest = hashlib.sha256()
    # as JSON, so that no two rows look alike: text is quoted, and nothing is not the text "None"
    for row in rows:
        digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()[:DIGEST_LENGTH]


def _plain(column: pd.Series) -> list[str | int | None]:
    return [None if missing else value for value, missing in zip(column.tolist(), column.isna(), strict=True)]


def _cut(digests: str) -> list[str]:
    return [digests[start : start + DIGEST_LENGTH] for start in range(0, len(digests), DIGEST_LENGTH)]

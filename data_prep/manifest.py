"""The manifest: images with labels, the names of their classes, and a digest that names exactly this data."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.class_names import GENDER_SOURCES, GENDERS, require_class_names
from data_prep.digests import DIGEST_LENGTH
from data_prep.errors import InputError, in_one_line
from data_prep.present_images import require_present
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.regular_files import NotRegularError, require_regular
from data_prep.storage.remote import address_of, is_file, pull, shown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MANIFEST_FORMAT = 2  # 1 had neither the names of the classes nor the columns from `partition` on
MANIFEST_COLUMNS = (
    "path",
    "label",
    "subject",
    "fold",
    "age",
    "source",
    "partition",
    "width",
    "height",
    "mode",
    "alike",
)
PARTITIONS = ("train", "validation", "test")

_DTYPES = {
    "path": "string",
    "label": "int16",
    "subject": "string",
    "fold": "Int64",
    "age": "string",
    "source": "string",
    "partition": "string",
    "width": "Int32",
    "height": "Int32",
    "mode": "string",
    "alike": "Int32",
}
_FIRST_COLUMNS = MANIFEST_COLUMNS[:6]  # those of format 1, which the digest is made of
_SAY_WHERE = (
    "say where they are now (--data-root or --celeba-root of search.run, --root of search.predict), or build "
    "the manifest again"
)
_MOST_BYTES = 2**32  # a million rows have less than a fiftieth of it
_LEADS_OUT = r"^/|(?:^|/)\.\.(?:/|$)|\0|^$"
_FORMAT, _CLASS_NAMES, _GROUP_KIND = b"stagewise.format", b"stagewise.class_names", b"stagewise.group_kind"
_ROOT, _DIGEST, _IMAGE_DIGESTS = b"stagewise.root", b"stagewise.digest", b"stagewise.image_digests"


@dataclass(frozen=True, eq=False)  # tables compare by the cell; two data sets compare by their digests
class Manifest:
    """A data set: one row per image.

    `table` has exactly `MANIFEST_COLUMNS`: path (POSIX, relative to `root`), label (int16: its place in
    `class_names`), subject (string or NA: the group of the image), fold (nullable Int64), age (string or NA),
    source (string), partition (of `PARTITIONS` or NA: the split that came with the data), width and height
    (nullable Int32, pixels as decoded, upright) and mode (string or NA) of the decoded image, alike (nullable
    Int32: the number of its group of equal and near-equal images, where splits keep those together). `root`
    is absolute. `image_digests` holds for every row, in order, 32 hexadecimal digits of the SHA-256 of the
    file's bytes. `class_names` are the data's own, 2 to `MOST_CLASSES`, in the order of the labels.
    `group_kind` says what a group is, such as "face" or "column person"; "" where groups are not known.
    `digest` names the rows, the classes and the image bytes, not the root: moving the folder does not change
    it, nor does the size that was decoded.
    """

    table: pd.DataFrame
    root: Path
    image_digests: tuple[str, ...]
    digest: str
    class_names: tuple[str, ...]
    group_kind: str = ""

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
        require_class_names(self.class_names)
        _require_known_values(self.table, len(self.class_names))

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        root: Path,
        image_digests: Sequence[str],
        *,
        class_names: Sequence[str],
        group_kind: str = "",
    ) -> Manifest:
        """Returns the manifest of `table`, as `typed_table` makes it, with its digest computed."""
        typed, names = typed_table(table), tuple(class_names)
        digest = _digest(typed, image_digests, names)
        return cls(typed, root, tuple(image_digests), digest, names, group_kind)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def is_drawn(self) -> bool:
        """Whether any row is a drawing of the sample rather than a photograph."""
        return bool((self.table["source"] == "sample").any())

    def class_counts(self) -> list[int]:
        """Returns the number of images of every class, in the order of the labels."""
        counts = self.table["label"].value_counts()
        return [int(counts.get(label, 0)) for label in range(len(self.class_names))]

    def image_paths(self) -> list[Path]:
        """Returns the absolute path of every image, in row order."""
        return [self.root / path for path in self.table["path"]]


def typed_table(table: pd.DataFrame) -> pd.DataFrame:
    """Returns `table` with exactly `MANIFEST_COLUMNS`, in their types, numbered from 0.

    Columns that format 1 did not have may be absent; their values are NA.
    """
    absent = [name for name in MANIFEST_COLUMNS if name not in _FIRST_COLUMNS and name not in table]
    whole = table.assign(**dict.fromkeys(absent))  # None, which the types make NA
    return whole[list(MANIFEST_COLUMNS)].astype(_DTYPES).reset_index(drop=True)


def require_every_class(manifest: Manifest) -> None:
    """Raises InputError where a class has no row: nothing can be learned of it."""
    present = set(manifest.table["label"].tolist())
    missing = [repr(name) for label, name in enumerate(manifest.class_names) if label not in present]
    if missing:
        raise InputError(
            f"training needs images of every class, the {len(manifest):,} rows have none of "
            f"{', '.join(missing)}; build a manifest of data with all {len(manifest.class_names):,} classes"
        )


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Writes `manifest` as a parquet file at `path`, whole or not at all.

    The file holds the columns; its format, the classes, root, digest and image digests stand in its schema
    metadata. Raises InputError where `path` cannot be written.
    """
    import pyarrow as pa  # here: nearly every command knows manifests, and few read one
    import pyarrow.parquet as pq

    # in the file itself, so that a manifest that is moved or copied keeps them
    metadata = {
        _FORMAT: str(MANIFEST_FORMAT),
        _CLASS_NAMES: json.dumps(manifest.class_names),
        _GROUP_KIND: manifest.group_kind,
        _ROOT: str(manifest.root),
        _DIGEST: manifest.digest,
        _IMAGE_DIGESTS: "".join(manifest.image_digests),
    }
    types = {name: pa.type_for_alias(kind.lower()) for name, kind in _DTYPES.items()}
    values = [pa.array(_plain(manifest.table[name]), type=types[name]) for name in MANIFEST_COLUMNS]
    arrow = pa.Table.from_arrays(values, schema=pa.schema(types.items(), metadata=metadata))
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

    Raises InputError where the file is missing, is not a parquet file, is not a manifest, is of a newer
    format or of one that did not keep its classes' names, was changed after it was written, or where its
    images are no longer there. Only the first image is looked for.
    """
    import pyarrow as pa

    pull(path)
    arrow = _read_parquet(path)
    try:
        manifest, written = _parsed(path, arrow, root)
    except InputError:  # a ValueError, too, and a sentence already
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OSError, pa.ArrowException) as error:
        raise InputError(f"{path} is a damaged manifest ({in_one_line(error)}); build it again") from error
    if manifest.digest != written:
        raise InputError(
            f"the rows of {path} have the digest {manifest.digest}, it was written with {written}: the file "
            "was changed afterwards; build it again"
        )
    _require_first_image(path, manifest)
    return manifest


def _parsed(path: Path, arrow: pa.Table, root: Path | None) -> tuple[Manifest, str]:
    """Returns the manifest that a table is, and the digest that it was written with."""
    _require_ours(path, arrow)
    metadata, table = arrow.schema.metadata, arrow.to_pandas()
    class_names, group_kind = _classes(path, metadata, table)
    manifest = Manifest.of(
        table,
        _found_root(path, metadata[_ROOT].decode(), root),
        _cut(metadata[_IMAGE_DIGESTS].decode()),
        class_names=class_names,
        group_kind=group_kind,
    )
    return manifest, metadata[_DIGEST].decode()


def _read_parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        require_regular(path, _MOST_BYTES)
        # else a folder on the way that is called a=b would become a column a
        return pq.read_table(path, partitioning=None)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"there is no manifest {shown(path)}; make one with python -m data_prep.build"
        ) from None
    except (NotRegularError, IsADirectoryError) as error:
        raise InputError(f"the manifest {path} cannot be read ({error.strerror}); name another") from None
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
    missing = [name for name in _FIRST_COLUMNS if name not in arrow.column_names]
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


def _classes(path: Path, metadata: Mapping[bytes, bytes], table: pd.DataFrame) -> tuple[Sequence[str], str]:
    """Returns the names of the classes and the kind of the groups, of a manifest of any format."""
    written = metadata.get(_FORMAT, b"1").decode()
    if written == str(MANIFEST_FORMAT):
        return json.loads(metadata[_CLASS_NAMES]), metadata[_GROUP_KIND].decode()
    if written != "1":
        raise InputError(
            f"{path} has format {written}, this version reads 1 to {MANIFEST_FORMAT}; use a newer version"
        )
    if not set(table["source"]) <= set(GENDER_SOURCES):
        raise InputError(
            f"{path} is of an earlier version, which did not keep the names of the classes; build it again"
        )
    return GENDERS, "face" if table["subject"].notna().any() else ""


def _found_root(path: Path, written: str, override: Path | None) -> Path:
    root = Path(written) if override is None else override.absolute()
    if address_of(root) is None and not root.is_dir():
        raise InputError(f"the images of {path} were looked for in {root}, which is not there; {_SAY_WHERE}")
    return root


def require_images(manifest: Manifest, whose: str) -> None:
    """Raises InputError where images of `manifest` are no longer there; at an address nothing is asked.

    `whose` names the manifest for a reader.
    """
    if address_of(manifest.root) is None:
        require_present(manifest.root, manifest.table["path"].tolist(), whose, _SAY_WHERE)


def _require_first_image(path: Path, manifest: Manifest) -> None:
    first = next(iter(manifest.image_paths()), None)  # on shared storage all would take minutes
    if first is not None and not is_file(first):
        if address_of(manifest.root) is None:
            require_images(manifest, str(path))
        raise InputError(
            f"the first image of {path} was looked for at {shown(first)}, which is not there; {_SAY_WHERE}"
        )


def _require_known_values(table: pd.DataFrame, classes: int) -> None:
    if not table["label"].between(0, classes - 1).all():
        raise ValueError(
            f"labels must be 0 to {classes - 1}, one for each class, received "
            f"{table['label'].min()} to {table['label'].max()}"
        )
    _require_places(table)
    unknown = set(table["partition"].dropna()) - set(PARTITIONS)
    if unknown:
        raise ValueError(f"a partition must be one of {', '.join(PARTITIONS)}, received {sorted(unknown)}")


def _require_places(table: pd.DataFrame) -> None:
    """Raises ValueError where a path may lead out of the root, or a fold is below 0."""
    paths = table["path"]
    outside = paths.isna() | paths.str.contains(_LEADS_OUT).fillna(value=True)
    if outside.any():
        raise ValueError(
            "a path must be relative to the root and written without .., row "
            f"{int(outside.to_numpy().argmax())} has {paths[outside].iloc[0]!r}"
        )
    if (table["fold"] < 0).any():
        raise ValueError(f"a fold must be a whole number from 0, received {table['fold'].min()}")


def _digest(table: pd.DataFrame, image_digests: Sequence[str], class_names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    columns = list(_FIRST_COLUMNS)
    # as JSON, so that no two rows look alike: text is quoted, and nothing is not the text "None"
    if class_names != GENDERS or not set(table["source"]) <= set(GENDER_SOURCES):
        # for the others they go without saying, as before there were names: their digests, and with them
        # the keys of their trials, are what they were
        digest.update(json.dumps({"class_names": class_names}).encode() + b"\n")
    if table["partition"].notna().any():
        columns.append("partition")
    if table["alike"].notna().any():  # splits hang on it
        columns.append("alike")
    for row in zip(*(_plain(table[name]) for name in columns), image_digests, strict=True):
        digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()[:DIGEST_LENGTH]


def _plain(column: pd.Series) -> list[str | int | None]:
    # JSON has no NA
    return [None if missing else value for value, missing in zip(column.tolist(), column.isna(), strict=True)]


def _cut(digests: str) -> list[str]:
    return [digests[start : start + DIGEST_LENGTH] for start in range(0, len(digests), DIGEST_LENGTH)]

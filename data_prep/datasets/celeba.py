"""CelebA: the attribute file in its two public forms, the official partition, and the aligned images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep.class_names import GENDERS
from data_prep.datasets.label_files import (
    LabelRow,
    blank_separated,
    comma_separated,
    headed_rows,
    rows_under,
    single_name,
)
from data_prep.datasets.labels import REPEATED_IMAGE, ImageRow, Labels, existing_folder, image_table
from data_prep.errors import InputError

IMAGES = "img_align_celeba"
TRAIN_FOLD, VALIDATION_FOLD, TEST_FOLD = 0, 1, 2
TEST_SHARE = 0.1
TEST_SEED = 7
_LABEL_OF_MALE = {"-1": 0, "1": 1}


def load_celeba(
    root: Path, *, part: bool = False, test_share: float | None = None, seed: int = TEST_SEED
) -> Labels:
    """Returns the rows of CelebA under `root`, the attribute `Male` as the label (-1 becomes 0).

    The labels come from `list_attr_celeba.txt` or `list_attr_celeba.csv`. The fold is 0 train,
    1 validation, 2 test as in `list_eval_partition.txt` or `.csv`; without such a file, or where
    `test_share` (in (0, 1)) is given, a share drawn with `seed` and stratified by label becomes fold 2
    (0.1 where not given) and the rest fold 0. `part` accepts a file with other rows than it declares.

    Raises InputError for missing files or columns, a row of the wrong length, a value other than -1 and
    1, a declared count that is not the rows, a name that leaves the folder, or an image without a partition.
    """
    root = existing_folder(root)
    rows = list(_attribute_rows(root, part))
    dropped: Counter[str] = Counter()
    labels: dict[str, int] = {}
    for row in rows:
        image = single_name(row["image_id"], row, "image_id")
        if image in labels:
            dropped[REPEATED_IMAGE] += 1
        else:
            labels[image] = _label(row)
    folds, notes = _folds(root, labels, test_share, seed)
    folder = _image_folder(root)
    kept = [ImageRow(f"{folder}/{image}", label, fold=folds[image]) for image, label in labels.items()]
    return Labels(
        root=root,
        table=image_table(kept, root, "celeba"),
        class_names=GENDERS,
        rows_read=len(rows),
        dropped=dropped,
        subjects=0,
        notes=notes,
    )


def _attribute_rows(root: Path, part: bool) -> Iterator[LabelRow]:
    original, csv_form = root / "list_attr_celeba.txt", root / "list_attr_celeba.csv"
    needed = ("image_id", "Male")
    if csv_form.is_file() and not original.is_file():
        return headed_rows(csv_form, comma_separated(csv_form), needed)
    if not original.is_file():
        raise InputError(
            f"{root} holds neither {original.name} nor {csv_form.name}; "
            "give the folder of CelebA's label files as --root"
        )
    records = blank_separated(original)
    if len(records) < 2:
        raise InputError(
            f"{original} must have a count, a line of names and rows, it has {len(records)} lines"
        )
    if not part:
        _check_count(original, records[0][1], len(records) - 2)
    # the names stand above the values alone: the column of the images has none
    return rows_under(original, ["image_id", *records[1][1]], records[2:], needed)


def _check_count(path: Path, first_line: list[str], rows: int) -> None:
    if len(first_line) != 1 or not first_line[0].isdecimal():
        raise InputError(
            f"line 1 of {path} must be the number of rows, it is {' '.join(first_line)[:60]!r}; "
            "check that this is the original file"
        )
    if int(first_line[0]) != rows:
        raise InputError(
            f"{path} declares {int(first_line[0]):,} rows and holds {rows:,}: it is not whole; "
            "fetch it again, or pass --part to use what is there"
        )


def _label(row: LabelRow) -> int:
    if row["Male"] not in _LABEL_OF_MALE:
        raise InputError(f"Male must be -1 or 1, {row.where} has {row['Male']!r}; repair or remove the line")
    return _LABEL_OF_MALE[row["Male"]]


def _folds(
    root: Path, labels: dict[str, int], test_share: float | None, seed: int
) -> tuple[dict[str, int], tuple[str, ...]]:
    files = (root / f"list_eval_partition.{suffix}" for suffix in ("txt", "csv"))
    partition = next((path for path in files if path.is_file()), None)
    if partition is not None and test_share is None:
        return _official_folds(partition, labels), ()
    share = TEST_SHARE if test_share is None else test_share
    why = "as asked" if partition is not None else "there is no list_eval_partition file"
    note = (
        f"fold 2 (test) is a random share of {share:g} of the images, stratified by label, seed {seed}: {why}"
    )
    return _random_folds(labels, share, seed), (note,)


def _official_folds(path: Path, labels: dict[str, int]) -> dict[str, int]:
    header = ["image_id", "partition"]
    if path.suffix == ".csv":
        rows = headed_rows(path, comma_separated(path), header)
    else:
        rows = rows_under(path, header, blank_separated(path), header)  # the original has no header
    folds = {row["image_id"]: _partition(row) for row in rows}
    without = [image for image in labels if image not in folds]
    if without:
        raise InputError(
            f"{path} has no line for {len(without):,} of the {len(labels):,} labelled images, the first is "
            f"{without[0]}; fetch it again, or remove it to use a random share"
        )
    return folds


def _partition(row: LabelRow) -> int:
    if row["partition"] not in ("0", "1", "2"):
        raise InputError(
            f"a partition must be 0, 1 or 2, {row.where} has {row['partition']!r}; repair or remove the line"
        )
    return int(row["partition"])


def _random_folds(labels: dict[str, int], share: float, seed: int) -> dict[str, int]:
    from sklearn.model_selection import train_test_split  # slow: completion does without

    images = list(labels)
    try:
        _, test = train_test_split(
            np.arange(len(images)), test_size=share, random_state=seed, stratify=list(labels.values())
        )
    except ValueError as error:
        raise InputError(
            f"a test share of {share:g} cannot be cut from {len(images):,} images ({error}); use more images"
        ) from error
    folds = dict.fromkeys(images, TRAIN_FOLD)  # no fold 1: pretraining validates on fold 2 then
    return folds | {images[number]: TEST_FOLD for number in test}


def _image_folder(root: Path) -> str:
    doubled = f"{IMAGES}/{IMAGES}"  # as Kaggle's archive unpacks
    return doubled if (root / doubled).is_dir() else IMAGES

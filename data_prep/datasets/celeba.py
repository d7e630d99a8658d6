"""CelebA: an attribute as the label, the official partition, the identities, and the aligned images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from data_prep.class_names import GENDERS
from data_prep.datasets.celeba_files import (
    IMAGE,
    attribute_rows,
    identities_of,
    partition_file,
    partition_rows,
)
from data_prep.datasets.label_files import LabelRow, single_name
from data_prep.datasets.labels import Labels, existing_folder, labels_of
from data_prep.datasets.row_collector import ON_CONFLICT, ImageRow, RowCollector
from data_prep.errors import InputError
from data_prep.manifest import typed_table
from data_prep.storage.regular_files import is_there

GENDER_ATTRIBUTE = "Male"
IMAGES = "img_align_celeba"
IMAGE_FOLDERS = (
    f"{IMAGES}/{IMAGES}",  # as Kaggle's archive unpacks
    IMAGES,
    f"Img/{IMAGES}/{IMAGES}",
    f"Img/{IMAGES}",
    f"{IMAGES}_png",
    f"Img/{IMAGES}_png",
)
TRAIN_FOLD, VALIDATION_FOLD, TEST_FOLD = 0, 1, 2
TEST_SHARE = 0.1  # the report's
TEST_SEED = 7
_SIGNS = ("-1", "1")  # the place of a sign is its label


def load_celeba(
    root: Path,
    *,
    attribute: str = GENDER_ATTRIBUTE,
    part: bool = False,
    test_share: float | None = None,
    seed: int = TEST_SEED,
    on_conflict: str = ON_CONFLICT[0],
) -> Labels:
    """Returns the rows of CelebA under `root`, an attribute as the label (-1 becomes 0).

    Read are `list_attr_celeba`, `list_eval_partition` and `identity_CelebA` (`.txt` or `.csv`), in `root` or
    in its folders `Anno` and `Eval`. The identity is the subject where its file is there. The fold is 0
    train, 1 validation, 2 test as in the partition; without such a file, or where `test_share` (in (0, 1))
    is given, a share drawn with `seed` and stratified by label becomes fold 2 (0.1 where not given) and the
    rest fold 0. `part` accepts a file with other rows than it declares. The images are JPEG or PNG.

    Raises InputError for missing files or columns, a row of the wrong length, a value other than -1 and 1, a
    declared count that is not the rows, a name that leaves the folder, an image without a partition, and rows
    that contradict each other.
    """
    root = existing_folder(root)
    classes, identities = _class_names(attribute), identities_of(root)
    collector = RowCollector(on_conflict)
    for row in attribute_rows(root, attribute, part=part):
        image = single_name(row[IMAGE], row, IMAGE)
        collector.add(ImageRow(image, classes[_label(row, attribute)], identities.get(image)), row)
    labels = labels_of(collector, root=root, source="celeba", class_names=classes, group_kind="identity")
    label_of = dict(zip(labels.table["path"].tolist(), labels.table["label"].tolist(), strict=True))
    folds, notes = _folds(root, label_of, test_share, seed)
    table = labels.table.assign(fold=[folds[image] for image in label_of], path=_paths(root, list(label_of)))
    return replace(labels, table=typed_table(table), notes=notes)


def _class_names(attribute: str) -> tuple[str, str]:
    return GENDERS if attribute == GENDER_ATTRIBUTE else (f"not {attribute}", attribute)


def _label(row: LabelRow, attribute: str) -> int:
    if row[attribute] not in _SIGNS:
        raise InputError(
            f"{attribute} must be -1 or 1, {row.where} has {row[attribute]!r}; repair or remove the line"
        )
    return _SIGNS.index(row[attribute])


def _folds(
    root: Path, labels: Mapping[str, int], test_share: float | None, seed: int
) -> tuple[Mapping[str, int], tuple[str, ...]]:
    partition = partition_file(root)
    if partition is not None and test_share is None:
        return _official_folds(partition, labels), ()
    share = TEST_SHARE if test_share is None else test_share
    why = "as asked" if partition is not None else "there is no list_eval_partition file"
    note = (
        f"fold 2 (test) is a random share of {share:g} of the images, stratified by label, seed {seed}: {why}"
    )
    return _random_folds(labels, share, seed), (note,)


def _official_folds(path: Path, labels: Mapping[str, int]) -> dict[str, int]:
    folds = {row[IMAGE]: _partition(row) for row in partition_rows(path)}
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


def _random_folds(labels: Mapping[str, int], share: float, seed: int) -> dict[str, int]:
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


def _paths(root: Path, images: Sequence[str]) -> list[str]:
    folder = next((name for name in IMAGE_FOLDERS if (root / name).is_dir()), IMAGES)
    png = [str(PurePosixPath(image).with_suffix(".png")) for image in images[:1]]
    # one image tells: an archive is of one kind, and has 202,599
    if png and not is_there(root / folder / images[0]) and is_there(root / folder / png[0]):
        images = [str(PurePosixPath(image).with_suffix(".png")) for image in images]
    return [f"{folder}/{image}" for image in images]

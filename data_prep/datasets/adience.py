"""Adience: the five fold files and the aligned faces that they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from data_prep.class_names import AGE_GROUPS, GENDERS
from data_prep.datasets.label_files import LabelRow, headed_rows, is_missing, single_name, tab_separated
from data_prep.datasets.labels import Labels, existing_folder, is_drawn, labels_of
from data_prep.datasets.row_collector import ON_CONFLICT, ImageRow, RowCollector
from data_prep.errors import InputError
from data_prep.storage.regular_files import is_there

FOLDS = 5  # of the authors' protocol: no user is in two of them
TARGETS = ("gender", "age")
GROUPS = ("user", "face", "photo")
LABEL_COLUMNS = ("user_id", "original_image", "face_id", "age", "gender")
YAW_COLUMN = "fiducial_yaw_angle"
_LABEL_OF_GENDER = {"f": 0, "m": 1}  # the report's; Levi and Hassner's lists have them the other way round
NO_GENDER = {"u": "gender u", "": "gender empty"}


def load_adience(
    root: Path,
    *,
    target: str = TARGETS[0],
    yaw: int | None = None,
    group: str | None = None,
    on_conflict: str = ON_CONFLICT[0],
    look_for_images: bool = True,
) -> Labels:
    """Returns the rows of Adience under `root` whose gender is m or f, each (user, face, image) once.

    With the `target` "age" those whose age is exactly one of `AGE_GROUPS`, of whatever gender, as in the
    lists of Levi and Hassner: a bare age, another range and "None" are left out, and counted by what stands
    there.

    The labels come from `fold_frontal_<k>_data.txt` or, where those are absent or `yaw` is an angle
    (degrees) that they do not hold, from `fold_<k>_data.txt`; with `yaw`, rows at another angle are
    dropped. A subject is "<user_id>/<face_id>"; `group` (of `GROUPS`) says who must not be on both sides of
    a split, None the user, or of the drawn sample the face. The path is that of an aligned face in the
    dotted or the underscore spelling or of one in `faces/`, whichever exists; without `look_for_images` the
    first.

    Raises InputError for missing files or columns, a row of the wrong length, an unknown gender, a name
    that leaves the folder, rows that contradict each other, and where no row is left.
    """
    root = existing_folder(root)
    files, notes = _fold_files(root, yaw)
    subjects: set[str] = set()
    collector = RowCollector(on_conflict)
    find = partial(_spelling, root, look_for_images)
    for fold, row in _rows(files, yaw):
        subjects.add(_subject(row))  # before any row is dropped: the figure is that of all rows read
        reason = _other_angle(row, yaw) or _NO_LABEL[target](row)
        if reason:
            collector.leave_out(reason, row["original_image"])
        else:
            collector.add(_image_row(row, fold, target, find), row)
    return labels_of(
        collector,
        root=root,
        source="adience",
        class_names=_CLASSES[target],
        # by user, as the folds are: one photograph may show several faces
        group_kind=group or ("face" if is_drawn(root) else GROUPS[0]),
        subjects=len(subjects),
        notes=notes,
    )


def _fold_files(root: Path, yaw: int | None) -> tuple[dict[int, Path], tuple[str, ...]]:
    frontal = _numbered(root, r"fold_frontal_(\d+)_data\.txt")
    every_angle = _numbered(root, r"fold_(\d+)_data\.txt")
    if not frontal and not every_angle:
        raise InputError(
            f"{root} holds neither fold_frontal_<k>_data.txt nor fold_<k>_data.txt; "
            "give the folder of Adience's label files as --root"
        )
    # the frontal files hold the angle 0 alone; where there are no others, every row is dropped and says why
    wants_frontal = yaw in (None, 0)
    chosen = frontal if frontal and (wants_frontal or not every_angle) else every_angle
    return chosen, tuple(_notes(root, chosen, frontal, every_angle))


def _numbered(root: Path, pattern: str) -> dict[int, Path]:
    # by number, not by name, where the tenth file would come before the second
    matches = ((re.fullmatch(pattern, path.name), path) for path in sorted(root.iterdir()))
    return dict(sorted((int(match[1]), path) for match, path in matches if match))


def _notes(
    root: Path, chosen: dict[int, Path], frontal: dict[int, Path], every_angle: dict[int, Path]
) -> Iterator[str]:
    if frontal and every_angle:
        kind = "frontal files" if chosen is frontal else "files with every yaw angle"
        yield f"{root} holds fold_frontal_<k>_data.txt and fold_<k>_data.txt; the {kind} are read"
    if len(chosen) < FOLDS:
        names = ", ".join(path.name for path in chosen.values())
        yield f"{len(chosen)} of Adience's {FOLDS} fold files are there ({names}); the counts are of a part"


def _rows(files: dict[int, Path], yaw: int | None) -> Iterator[tuple[int, LabelRow]]:
    needed = LABEL_COLUMNS if yaw is None else (*LABEL_COLUMNS, YAW_COLUMN)
    for fold, path in files.items():
        for row in headed_rows(path, tab_separated(path), needed):
            yield fold, row


def _other_angle(row: LabelRow, yaw: int | None) -> str | None:
    return f"yaw not {yaw}" if yaw is not None and _yaw(row) != yaw else None


def _no_age(row: LabelRow) -> str | None:
    if row["age"] in AGE_GROUPS:
        return None
    return f"age {row['age'] or 'empty'}"


def _no_gender(row: LabelRow) -> str | None:
    if row["gender"] not in _LABEL_OF_GENDER and row["gender"] not in NO_GENDER:
        raise InputError(
            f"gender must be m, f, u or empty, {row.where} has {row['gender']!r}; repair or remove the line"
        )
    return NO_GENDER.get(row["gender"])


def _yaw(row: LabelRow) -> float:
    try:
        return float(row[YAW_COLUMN])
    except ValueError as error:
        raise InputError(
            f"{YAW_COLUMN} must be a number of degrees, {row.where} has {row[YAW_COLUMN]!r}; "
            "repair or remove the line"
        ) from error


def _image_row(row: LabelRow, fold: int, target: str, find: Callable[[Sequence[str]], str]) -> ImageRow:
    user, face, image = (
        single_name(row[name], row, name) for name in ("user_id", "face_id", "original_image")
    )
    path = find(
        (
            f"aligned/{user}/landmark_aligned_face.{face}.{image}",
            f"aligned/{user}/landmark_aligned_face_{face}_{image}",  # as the report prints it
            f"faces/{user}/coarse_tilt_aligned_face.{face}.{image}",
        )
    )
    age = None if is_missing(row["age"]) else row["age"]  # "None" is how the files write it
    name = row["age"] if target == "age" else GENDERS[_LABEL_OF_GENDER[row["gender"]]]
    return ImageRow(path, name, _subject(row), fold, age)


def _spelling(root: Path, look: bool, spellings: Sequence[str]) -> str:
    # else the check of the images names the first as missing
    there = (path for path in spellings if is_there(root / path)) if look else iter(())
    return next(there, spellings[0])


def _subject(row: LabelRow) -> str:
    return f"{row['user_id']}/{row['face_id']}"


_CLASSES = {"gender": GENDERS, "age": AGE_GROUPS}
_NO_LABEL = {"gender": _no_gender, "age": _no_age}

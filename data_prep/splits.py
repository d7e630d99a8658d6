"""Splits of a manifest's rows into train, validation and test, and a sentence for the reader on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_prep.connected import connected
from data_prep.errors import InputError
from data_prep.manifest import Manifest, require_every_class

Rows = NDArray[np.int64]

SPLIT_SEED = 7
VALIDATION_SHARE = 0.2
PARTS = 5  # one of five is the 20 % for validation
# what a user may choose; pretraining chooses its own
PROTOCOLS = ("random", "subject", "folds", "kfold:K")

PRETRAINING = "pretraining"

_KEPT_TOGETHER = ("subject", "alike")  # columns whose groups stay on one side
_NO_ROWS: Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers (int64, ascending) of a manifest in three parts; `test` may be empty.

    `shared_subjects` counts the subjects with rows in more than one of the parts; `subjects_known` is whether
    any row has one, and `group_kind` what they are, as in the manifest. `kept_alike` counts the groups of
    equal and near-equal pictures that are each in one part, and `split_alike` those that are not.
    """

    name: str
    train: Rows
    validation: Rows
    test: Rows
    shared_subjects: int
    subjects_known: bool = True
    group_kind: str = ""
    kept_alike: int = 0
    split_alike: int = 0


def make_splits(manifest: Manifest, protocol: str, *, seed: int = SPLIT_SEED) -> tuple[Split, ...]:
    """Returns the splits that `protocol` asks for; the same input gives the same splits.

    random: 80 % train, 20 % validation, stratified by label, as in the report. subject: the same shares
    with no subject on both sides. folds: a split for each fold of the manifest, which is its test part.
    kfold:K (K from 2): a split for each of K parts made here, subject-exclusive where subjects are known.
    In the last two, 20 % of the other rows, cut by subject where known, validate. pretraining: fold 0
    trains and fold 1 validates, or fold 2 where there is no fold 1 (CelebA's partition); a manifest without
    folds is cut as for random.

    Pictures of one group of the column `alike` stay on one side wherever a cut is made here.

    Raises InputError for an unknown protocol, for a manifest without the subjects or folds that it needs,
    and where a part would lack a class.
    """
    make = _protocol(protocol)
    require_every_class(manifest)
    splits = tuple(make(manifest, seed))
    for split in splits:
        _require_both_sides(manifest, split)
    return splits


def describe_split(split: Split) -> str:
    """Returns one sentence: the sizes of the parts, and what is in more than one of them."""
    test = f", {split.test.size:,} test" if split.test.size else ""
    sizes = f"split {split.name}: {split.train.size:,} train, {split.validation.size:,} validation{test}"
    return "; ".join([sizes, *_alike_in_words(split), _groups_in_words(split)])


def _alike_in_words(split: Split) -> Iterator[str]:
    if split.kept_alike:
        yield f"equal and near-equal pictures ({_counted(split.kept_alike, 'group')}) are kept on one side"
    if split.split_alike:
        groups = _counted(split.split_alike, "group")
        yield f"{groups} of such pictures on both sides, as the data came divided"


def _groups_in_words(split: Split) -> str:
    if not split.subjects_known:
        return "groups are unknown, so one person or thing may be on both sides"
    noun = _NOUNS.get(split.group_kind, "group")
    if not split.shared_subjects:
        return f"no known {noun} is on both sides"
    have = f"{_counted(split.shared_subjects, noun)} {'has' if split.shared_subjects == 1 else 'have'}"
    return f"{have} photos on both sides, so the accuracy is higher than on new {_several(noun)}"


_NOUNS = {kind: kind for kind in ("user", "face", "photo", "identity")}


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {_several(noun)}"


def _several(noun: str) -> str:
    return "identities" if noun == "identity" else f"{noun}s"


def require_protocol(protocol: str) -> None:
    """Raises InputError for a protocol that `make_splits` does not know."""
    _protocol(protocol)


def _protocol(protocol: str) -> Callable[[Manifest, int], Iterator[Split]]:
    known = {"random": _random, "subject": _by_subject, "folds": _by_fold, PRETRAINING: _for_pretraining}
    if protocol in known:
        return known[protocol]
    name, _, count = protocol.partition(":")
    if name == "kfold" and count.isdecimal() and int(count) >= 2:
        return lambda manifest, seed: _by_part(manifest, int(count), seed)
    raise InputError(
        f"a split must be one of {', '.join(PROTOCOLS)} (K from 2), received {protocol!r}; choose one"
    )


def _random(manifest: Manifest, seed: int) -> Iterator[Split]:
    from sklearn.model_selection import train_test_split  # slow: completion does without

    if manifest.table["alike"].notna().any():
        train, validation = _first_cut(manifest, np.arange(len(manifest)), seed, kept=("alike",))
        yield _split(manifest, "random", train, validation)
        return
    labels = _labels(manifest)
    # before scikit-learn refuses it in words that do not say which data to add
    _require_enough(labels, manifest.class_names, np.arange(labels.size), PARTS, unit="rows")
    train, validation = train_test_split(
        np.arange(labels.size), test_size=VALIDATION_SHARE, random_state=seed, stratify=labels
    )
    yield _split(manifest, "random", train, validation)


def _for_pretraining(manifest: Manifest, seed: int) -> Iterator[Split]:
    folds = manifest.table["fold"]
    present = set(folds.dropna().unique().tolist())
    if not {0} < present:  # without fold 0 nothing trains, with it alone nothing validates
        (split,) = _random(manifest, seed)
        yield replace(split, name=PRETRAINING)
        return
    validating = 1 if 1 in present else 2
    train, validation = (np.flatnonzero((folds == number).to_numpy(dtype=bool)) for number in (0, validating))
    yield _split(manifest, PRETRAINING, train, validation)


def _by_subject(manifest: Manifest, seed: int) -> Iterator[Split]:
    unknown = int(manifest.table["subject"].isna().sum())
    if unknown:
        raise InputError(
            f"the split subject needs the subject of every row, {unknown:,} of {len(manifest):,} have none; "
            "use the split random, or name the subjects"
        )
    train, validation = _first_cut(manifest, np.arange(len(manifest)), seed)
    yield _split(manifest, "subject", train, validation)


def _by_fold(manifest: Manifest, seed: int) -> Iterator[Split]:
    folds = manifest.table["fold"]
    numbers = sorted(folds.dropna().unique().tolist())
    if folds.isna().any() or len(numbers) < 2:
        raise InputError(
            f"the split folds needs a manifest with at least two folds, this one has {len(numbers)} "
            f"and {int(folds.isna().sum()):,} rows without; use the split random, subject or kfold:5"
        )
    for number in numbers:
        is_test = (folds == number).to_numpy(dtype=bool)
        yield _tested_on(manifest, f"fold-{number}", np.flatnonzero(is_test), seed)


def _by_part(manifest: Manifest, count: int, seed: int) -> Iterator[Split]:
    for number, (_, test) in enumerate(_cuts(manifest, np.arange(len(manifest)), count, seed)):
        yield _tested_on(manifest, f"kfold-{count}-{number}", test, seed)


def _tested_on(manifest: Manifest, name: str, test: Rows, seed: int) -> Split:
    rest = np.setdiff1d(np.arange(len(manifest)), test)
    train, validation = _first_cut(manifest, rest, seed)
    return _split(manifest, name, train, validation, test)


def _first_cut(
    manifest: Manifest, rows: Rows, seed: int, *, kept: Sequence[str] = _KEPT_TOGETHER
) -> tuple[Rows, Rows]:
    return next(_cuts(manifest, rows, PARTS, seed, kept=kept))


def _cuts(
    manifest: Manifest, rows: Rows, count: int, seed: int, *, kept: Sequence[str] = _KEPT_TOGETHER
) -> Iterator[tuple[Rows, Rows]]:
    """Yields cuts of `rows` into `count` parts; rows of one value in a column of `kept` stay together."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # late as above

    labels, table = _labels(manifest)[rows], manifest.table.iloc[rows]
    known = [name for name in kept if table[name].notna().any()]
    groups = _groups([table[name] for name in known], len(rows))
    unit = {(): "rows", ("subject",): "subjects"}.get(tuple(known), "groups of pictures")
    _require_enough(labels, manifest.class_names, groups, count, unit=unit)
    # without groups every row would be one, which the grouped splitter walks through one by one
    splitter = StratifiedGroupKFold if known else StratifiedKFold
    cuts = splitter(count, shuffle=True, random_state=seed)
    for train, rest in cuts.split(rows, labels, groups if known else None):
        yield rows[train], rows[rest]


def _groups(columns: Sequence[pd.Series], rows: int) -> Rows:
    if len(columns) > 1:
        return connected(*(pd.factorize(column)[0] for column in columns))
    codes, known = pd.factorize(columns[0]) if columns else (np.full(rows, -1), ())
    # a row without a group is a group of its own, not one with all others that have none
    own = len(known) + np.arange(codes.size)
    return np.where(codes < 0, own, codes).astype(np.int64)


def _split(manifest: Manifest, name: str, train: Rows, validation: Rows, test: Rows = _NO_ROWS) -> Split:
    train, validation, test = parts = [np.sort(part).astype(np.int64) for part in (train, validation, test)]
    subjects, alike = manifest.table["subject"], manifest.table["alike"]
    split_alike = _in_several(alike, parts)
    return Split(
        name,
        train,
        validation,
        test,
        shared_subjects=_in_several(subjects, parts),
        subjects_known=bool(subjects.notna().any()),
        group_kind=manifest.group_kind,
        kept_alike=alike.nunique() - split_alike,
        split_alike=split_alike,
    )


def _in_several(column: pd.Series, parts: Sequence[Rows]) -> int:
    """Returns how many values of `column` are in more than one of the parts."""
    sides = pd.concat([column.iloc[part].drop_duplicates() for part in parts]).dropna()
    return int((sides.value_counts() > 1).sum())


def _labels(manifest: Manifest) -> Rows:
    return manifest.table["label"].to_numpy(dtype=np.int64)


def _require_enough(labels: Rows, class_names: Sequence[str], groups: Rows, count: int, *, unit: str) -> None:
    for label, name in enumerate(class_names):
        found = np.unique(groups[labels == label]).size
        if found < count:
            raise InputError(
                f"a split into {count} parts needs at least {count} {unit} of each class, "
                f"{name!r} has {found}; use more data or another split"
            )


def _require_both_sides(manifest: Manifest, split: Split) -> None:
    labels = _labels(manifest)
    for part, rows in (("training", split.train), ("validation", split.validation)):
        missing = np.setdiff1d(np.arange(len(manifest.class_names)), labels[rows])
        if missing.size:
            raise InputError(
                f"both parts of a split need every class, the {part} part of {split.name} has no "
                f"{manifest.class_names[missing[0]]!r} in its {rows.size:,} rows; use more data or another "
                "split"
            )

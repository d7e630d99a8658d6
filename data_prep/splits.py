"""Splits of a manifest's rows into train, validation and test, and a sentence for the reader on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from data_prep.connected import connected
from data_prep.cuts import Rows, cut_of_share, cuts
from data_prep.errors import InputError
from data_prep.groups import PHOTO, USER, groups_of
from data_prep.manifest import PARTITIONS, Manifest, require_every_class

if TYPE_CHECKING:
    import pandas as pd

SPLIT_SEED = 7  # the report's, as is the share of 20 %
VALIDATION_SHARE = 0.2
PARTS = 5  # one of five is the 20 % for validation
# what a user may choose; pretraining chooses its own
PROTOCOLS = ("random", "group", "given", "folds", "kfold:K")
_ALIASES = {"subject": "group"}

PRETRAINING = "pretraining"

# what the split by group is called in the keys of trials, which are older than the word
_BY_GROUP = "subject"
# the groups that a manifest's column `subject` does not hold: a name tells their splits from those by it
_OTHER_GROUPS = (USER, PHOTO)
_NO_ROWS: Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers (int64, ascending) of a manifest in three parts; `test` may be empty.

    `shared_groups` counts the groups with rows in more than one of the parts; `groups_known` is whether any
    row has one, and `group_kind` what they are, as in the manifest. `kept_alike` counts the groups of
    equal and near-equal pictures that are each in one part, and `split_alike` those that are not.
    `mixes_given_parts` is whether the data came divided into parts for training and validation, which this is
    not.
    """

    name: str
    train: Rows
    validation: Rows
    test: Rows
    shared_groups: int
    groups_known: bool = True
    group_kind: str = ""
    kept_alike: int = 0
    split_alike: int = 0
    mixes_given_parts: bool = False


def make_splits(manifest: Manifest, protocol: str, *, seed: int = SPLIT_SEED) -> tuple[Split, ...]:
    """Returns the splits that `protocol` asks for; the same input gives the same splits.

    random: 80 % train, 20 % validation, stratified by label, as in the report. group (or subject): the same
    shares with no group on both sides. folds: a split for each fold of the manifest, which is its test part.
    kfold:K (K from 2): a split for each of K parts made here, group-exclusive where groups are known.
    In the last two, 20 % of the other rows, cut by group where known, validate. given: the parts that came
    with the data, which for CelebA are its folds; where none validates, 20 % of the training part do.
    pretraining: given; or fold 0 trains and fold 1 validates, or fold 2 where there is no fold 1; a manifest
    without either is cut as for random.

    Rows of the given part test are the test part of random and group, too: nothing trains on them. Pictures
    of one group of the column `alike` stay on one side wherever a cut is made here.

    Raises InputError for an unknown protocol, for a manifest without the groups, folds or parts that it
    needs, for folds and kfold where there is a given part test, and where a part would lack a class.
    """
    make = _protocol(protocol)
    require_every_class(manifest)
    splits = tuple(make(_Data.of(manifest), seed))
    for split in splits:
        _require_both_sides(manifest, split)
    return splits


def split_apart(manifest: Manifest) -> Split:
    """Returns the split that shares of rows as random has, and has no known group on both sides.

    Rows without a group are cut by themselves. Raises InputError where groups are too few to be cut.
    """
    data = _Data.of(manifest)
    test = _given_test(data)
    train, validation = _first_cut(data, np.setdiff1d(data.rows, test), SPLIT_SEED)
    return _split(data, data.name("apart"), train, validation, test)


def describe_split(split: Split) -> str:
    """Returns one sentence: the sizes of the parts, and what is in more than one of them."""
    test = f", {split.test.size:,} test" if split.test.size else ""
    name = split.name.replace(_BY_GROUP, "group", 1) if split.name.startswith(_BY_GROUP) else split.name
    sizes = f"split {name}: {split.train.size:,} train, {split.validation.size:,} validation{test}"
    mixed = ["the parts that the data came in are mixed (--split given keeps them)"] * split.mixes_given_parts
    return "; ".join([sizes, *mixed, *_alike_in_words(split), _groups_in_words(split)])


def _alike_in_words(split: Split) -> Iterator[str]:
    if split.kept_alike:
        yield f"equal and near-equal pictures ({_counted(split.kept_alike, 'group')}) are kept on one side"
    if split.split_alike:
        groups = _counted(split.split_alike, "group")
        yield f"{groups} of such pictures on both sides, as the data came divided"


def _groups_in_words(split: Split) -> str:
    if not split.groups_known:
        return "groups are unknown, so one person or thing may be on both sides"
    noun = _NOUNS.get(split.group_kind, "group")
    if not split.shared_groups:
        return f"no known {noun} is on both sides"
    have = f"{_counted(split.shared_groups, noun)} {'has' if split.shared_groups == 1 else 'have'}"
    return f"{have} photos on both sides, so the accuracy is higher than on new {_several(noun)}"


_NOUNS = {kind: kind for kind in ("user", "face", "photo", "identity")}


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {_several(noun)}"


def _several(noun: str) -> str:
    return "identities" if noun == "identity" else f"{noun}s"


def require_protocol(protocol: str) -> None:
    """Raises InputError for a protocol that `make_splits` does not know."""
    _protocol(protocol)


def protocol_name(protocol: str) -> str:
    """Returns the name of a protocol, which may be called by an older one."""
    return _ALIASES.get(protocol, protocol)


def _protocol(protocol: str) -> Callable[[_Data, int], Iterator[Split]]:
    known = {
        "random": _random,
        "group": _by_group,
        "folds": _by_fold,
        "given": _given,
        PRETRAINING: _for_pretraining,
    }
    protocol = protocol_name(protocol)
    if protocol in known:
        return known[protocol]
    name, _, count = protocol.partition(":")
    if name == "kfold" and count.isdecimal() and int(count) >= 2:
        return lambda data, seed: _by_part(data, int(count), seed)
    raise InputError(
        f"a split must be one of {', '.join(PROTOCOLS)} (K from 2), received {protocol!r}; choose one"
    )


@dataclass(frozen=True, eq=False)
class _Data:
    """What splits are made of: the label and the groups of every row as numbers, -1 where it has none."""

    manifest: Manifest
    labels: Rows
    group: Rows
    alike: Rows

    @classmethod
    def of(cls, manifest: Manifest) -> _Data:
        table = manifest.table
        group, alike = groups_of(table, manifest.group_kind), table["alike"]
        # once: a million texts are slow to compare
        return cls(manifest, _labels(manifest), group.factorize()[0], alike.factorize()[0])

    @property
    def kept_together(self) -> tuple[Rows, ...]:
        """The groups whose rows stay on one side."""
        return self.group, self.alike

    def name(self, split: str) -> str:
        """Returns the name of a split whose cuts depend on the kind of the groups."""
        kind = self.manifest.group_kind
        return f"{split}-{kind}" if kind in _OTHER_GROUPS else split

    @property
    def rows(self) -> Rows:
        return np.arange(len(self.manifest))


def _random(data: _Data, seed: int) -> Iterator[Split]:
    test = _given_test(data)
    rows = np.setdiff1d(data.rows, test)
    if (data.alike >= 0).any():
        train, validation = _first_cut(data, rows, seed, kept=(data.alike,))
    else:
        labels = data.labels[rows]
        # before scikit-learn refuses it in words that do not say which data to add
        _require_enough(labels, data.manifest.class_names, np.arange(labels.size), PARTS, unit="rows")
        train, validation = (rows[part] for part in cut_of_share(labels, VALIDATION_SHARE, seed))
    yield _split(data, "random", train, validation, test)


def _for_pretraining(data: _Data, seed: int) -> Iterator[Split]:
    folds = data.manifest.table["fold"]
    present = set(folds.dropna().unique().tolist())
    if data.manifest.table["partition"].notna().any():
        (split,) = _given(data, seed)
        yield replace(split, name=PRETRAINING)
    elif not {0} < present:  # without fold 0 nothing trains, with it alone nothing validates
        (split,) = _random(data, seed)
        yield replace(split, name=PRETRAINING)
    else:
        validating = 1 if 1 in present else 2
        train, validation = (
            np.flatnonzero((folds == number).to_numpy(dtype=bool)) for number in (0, validating)
        )
        yield _split(data, PRETRAINING, train, validation)


def _by_group(data: _Data, seed: int) -> Iterator[Split]:
    unknown = int((data.group < 0).sum())
    if unknown:
        raise InputError(
            f"the split group needs the group of every row, {unknown:,} of {data.group.size:,} have none; "
            "use the split random, or name the groups when the manifest is built (--group-column or "
            "--group-regex of data_prep.build)"
        )
    test = _given_test(data)
    train, validation = _first_cut(data, np.setdiff1d(data.rows, test), seed)
    yield _split(data, data.name(_BY_GROUP), train, validation, test)


def _by_fold(data: _Data, seed: int) -> Iterator[Split]:
    _require_no_given_test(data, "folds")
    folds = data.manifest.table["fold"]
    numbers = sorted(folds.dropna().unique().tolist())
    if folds.isna().any() or len(numbers) < 2:
        raise InputError(
            f"the split folds needs a manifest with at least two folds, this one has {len(numbers)} "
            f"and {int(folds.isna().sum()):,} rows without; use the split random, group or kfold:5"
        )
    for number in numbers:
        is_test = (folds == number).to_numpy(dtype=bool)
        yield _tested_on(data, data.name(f"fold-{number}"), np.flatnonzero(is_test), seed)


def _by_part(data: _Data, count: int, seed: int) -> Iterator[Split]:
    _require_no_given_test(data, f"kfold:{count}")
    for number, (_, test) in enumerate(_cuts(data, data.rows, count, seed)):
        yield _tested_on(data, data.name(f"kfold-{count}-{number}"), test, seed)


def _given(data: _Data, seed: int) -> Iterator[Split]:
    parts = _given_parts(data.manifest)
    if parts.isna().any() or not {"train"} < set(parts):
        found = ", ".join(sorted(set(parts.dropna()))) or "none"
        raise InputError(
            "the split given needs data that came with a part train and another, for every row; this has "
            f"{found}, and {int(parts.isna().sum()):,} of {len(parts):,} rows without; use the split random"
        )
    train, validation, test = (np.flatnonzero(parts == part) for part in PARTITIONS)
    if not validation.size:
        train, validation = _first_cut(data, train, seed)
    yield _split(data, "given", train, validation, test)


def _given_parts(manifest: Manifest) -> pd.Series:
    table = manifest.table
    if table["partition"].isna().all() and (table["source"] == "celeba").all():
        return table["fold"].map(dict(enumerate(PARTITIONS))).astype("string")  # as its authors number them
    return table["partition"]


def _given_test(data: _Data) -> Rows:
    return np.flatnonzero((data.manifest.table["partition"] == "test").fillna(value=False))


def _require_no_given_test(data: _Data, protocol: str) -> None:
    given = _given_test(data).size
    if given:
        raise InputError(
            f"the split {protocol} would train on the {given:,} rows that the data gives for testing; "
            "use the split given, random or group"
        )


def _tested_on(data: _Data, name: str, test: Rows, seed: int) -> Split:
    train, validation = _first_cut(data, np.setdiff1d(data.rows, test), seed)
    return _split(data, name, train, validation, test)


def _first_cut(
    data: _Data, rows: Rows, seed: int, *, kept: Sequence[Rows] | None = None
) -> tuple[Rows, Rows]:
    return next(_cuts(data, rows, PARTS, seed, kept=kept))


def _cuts(
    data: _Data, rows: Rows, count: int, seed: int, *, kept: Sequence[Rows] | None = None
) -> Iterator[tuple[Rows, Rows]]:
    """Yields cuts of `rows` into `count` parts; rows of one group in any of `kept` stay together."""
    labels = data.labels[rows]
    known = [codes for codes in (data.kept_together if kept is None else kept) if (codes[rows] >= 0).any()]
    groups = _groups([codes[rows] for codes in known], len(rows))
    by_group = len(known) == 1 and known[0] is data.group
    unit = "groups" if by_group else "groups of pictures" if known else "rows"
    _require_enough(labels, data.manifest.class_names, groups, count, unit=unit)
    # without groups every row would be one, which the grouped splitter walks through one by one
    for train, rest in cuts(labels, groups if known else None, count, seed):
        yield rows[train], rows[rest]


def _groups(groupings: Sequence[Rows], rows: int) -> Rows:
    """Returns a number for each of `rows`; those of one group, or of a chain of groups, have the same."""
    numbered = [_numbered(codes) for codes in groupings] or [np.full(rows, -1)]
    if len(numbered) > 1:
        return connected(*numbered)
    (codes,) = numbered
    # a row without a group is a group of its own, not one with all others that have none
    own = int(codes.max(initial=-1)) + 1 + np.arange(codes.size)
    return np.where(codes < 0, own, codes).astype(np.int64)


def _numbered(codes: Rows) -> Rows:
    """Returns the groups numbered in the order in which they come, which decides how they are dealt out."""
    import pandas as pd  # slow: who only looks at a study does without

    numbers = np.full(codes.size, -1, dtype=np.int64)
    numbers[codes >= 0] = pd.factorize(codes[codes >= 0])[0]
    return numbers


def _split(data: _Data, name: str, train: Rows, validation: Rows, test: Rows = _NO_ROWS) -> Split:
    train, validation, test = parts = [np.sort(part).astype(np.int64) for part in (train, validation, test)]
    split_alike = _in_several(data.alike, parts)
    return Split(
        name,
        train,
        validation,
        test,
        shared_groups=_in_several(data.group, parts),
        groups_known=bool((data.group >= 0).any()),
        group_kind=data.manifest.group_kind,
        kept_alike=int(data.alike.max(initial=-1)) + 1 - split_alike,
        split_alike=split_alike,
        mixes_given_parts=name != "given" and "validation" in set(data.manifest.table["partition"].dropna()),
    )


def _in_several(codes: Rows, parts: Sequence[Rows]) -> int:
    """Returns how many groups are in more than one of the parts."""
    sides = np.concatenate([np.unique(codes[part]) for part in parts])
    return int((np.unique(sides[sides >= 0], return_counts=True)[1] > 1).sum())


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

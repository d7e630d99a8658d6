from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data_prep.errors import InputError
from data_prep.groups import groups_of
from data_prep.manifest import Manifest
from data_prep.splits import Split, describe_split, make_splits

Make = Callable[..., Manifest]

PROTOCOLS = ("random", "subject", "folds", "kfold:3")


def subjects_of(manifest: Manifest, rows: Any) -> set[str]:
    return set(manifest.table["subject"].iloc[rows])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_split_uses_every_row_once(made_manifest: Make, protocol: str) -> None:
    manifest = made_manifest()
    for split in make_splits(manifest, protocol):
        rows = np.concatenate([split.train, split.validation, split.test])
        assert sorted(rows.tolist()) == list(range(len(manifest)))
        assert {part.dtype for part in (split.train, split.validation, split.test)} == {np.dtype(np.int64)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_split_is_the_same_for_the_same_seed(made_manifest: Make, protocol: str) -> None:
    one, two, other = (make_splits(made_manifest(), protocol, seed=seed)[0] for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.train, two.train)
    assert one.train.tolist() != other.train.tolist()


def test_random_is_stratified_and_counts_shared_groups(made_manifest: Make) -> None:
    manifest = made_manifest()
    (split,) = make_splits(manifest, "random")
    assert (split.name, split.train.size, split.validation.size, split.test.size) == ("random", 48, 12, 0)
    assert manifest.table["label"].iloc[split.validation].sum() == 6
    shared = subjects_of(manifest, split.train) & subjects_of(manifest, split.validation)
    assert split.shared_groups == len(shared) > 0


def test_subject_keeps_every_subject_on_one_side(made_manifest: Make) -> None:
    manifest = made_manifest()
    (split,) = make_splits(manifest, "subject")
    assert (split.name, split.shared_groups) == ("subject", 0)
    assert not subjects_of(manifest, split.train) & subjects_of(manifest, split.validation)
    assert manifest.table["label"].iloc[split.validation].sum() == 6


def test_folds_test_on_each_official_fold(made_manifest: Make) -> None:
    manifest = made_manifest()
    splits = make_splits(manifest, "folds")
    assert [split.name for split in splits] == [f"fold-{fold}" for fold in range(5)]
    for fold, split in enumerate(splits):
        assert set(manifest.table["fold"].iloc[split.test]) == {fold}
        assert split.shared_groups == 0
        assert 6 <= split.validation.size <= 15


def test_folds_count_a_subject_that_stands_in_two_of_them(made_manifest: Make) -> None:
    folds = [number % 5 for number in range(60)]
    assert make_splits(made_manifest(fold=folds), "folds")[0].shared_groups > 0


@pytest.mark.parametrize(
    ("folds", "validating"),
    [([0, 0, 1, 2], 1), ([0, 0, 2, 2], 2)],
    ids=["CelebA's partition", "a share for testing"],
)
def test_pretraining_trains_on_fold_0(made_manifest: Make, folds: list[int], validating: int) -> None:
    manifest = made_manifest(fold=(folds * 100)[: len(made_manifest())])
    (split,) = make_splits(manifest, "pretraining")
    table = manifest.table
    assert set(table["fold"].iloc[split.train]) == {0}
    assert set(table["fold"].iloc[split.validation]) == {validating}
    assert split.train.size == (table["fold"] == 0).sum()
    assert (split.name, split.test.size) == ("pretraining", 0)


def test_pretraining_without_folds_is_cut_as_for_random(made_manifest: Make) -> None:
    manifest = made_manifest(fold=None)
    (split,), (random,) = make_splits(manifest, "pretraining"), make_splits(manifest, "random")
    np.testing.assert_array_equal(split.train, random.train)
    assert split.name == "pretraining"


def test_kfold_parts_are_disjoint_and_by_subject(made_manifest: Make) -> None:
    splits = make_splits(made_manifest(), "kfold:4")
    assert [split.name for split in splits] == [f"kfold-4-{part}" for part in range(4)]
    assert sorted(np.concatenate([split.test for split in splits]).tolist()) == list(range(60))
    assert [split.shared_groups for split in splits] == [0] * 4


def test_kfold_without_subjects_is_cut_by_row(made_manifest: Make) -> None:
    splits = make_splits(made_manifest(subject=None), "kfold:3")
    assert [split.test.size for split in splits] == [20, 20, 20]


def test_kfold_with_some_subjects_keeps_those_together(made_manifest: Make) -> None:
    subjects = ["a"] * 6 + [None] * 54
    assert all(split.shared_groups == 0 for split in make_splits(made_manifest(subject=subjects), "kfold:3"))


@pytest.mark.parametrize("protocol", ["", "Random", "kfold", "kfold:1", "kfold:x", "kfold:-2"])
def test_unknown_protocol_is_told_the_known_ones(made_manifest: Make, protocol: str) -> None:
    with pytest.raises(
        InputError, match=rf"one of random, group, given, folds, kfold:K \(K from 2\), received '{protocol}'"
    ):
        make_splits(made_manifest(), protocol)


@pytest.mark.parametrize(
    ("protocol", "columns", "said"),
    [
        (
            "random",
            {"label": 0},
            "training needs images of every class, the 60 rows have none of 'dog'; build",
        ),
        (
            "subject",
            {"subject": None},
            "needs the group of every row, 60 of 60 have none; use the split random",
        ),
        ("folds", {"fold": None}, "at least two folds, this one has 0 and 60 rows without"),
        ("folds", {"fold": 3}, "at least two folds, this one has 1 and 0 rows without"),
        ("kfold:11", {}, "at least 11 groups of each class, 'cat' has 10"),
        ("random", {"label": [0] * 57 + [1] * 3}, "at least 5 rows of each class, 'dog' has 3"),
        (
            "subject",
            {"label": [0] * 57 + [1] * 3},
            "at least 5 groups of each class, 'dog' has 1",
        ),
        (
            "folds",
            {"fold": [0] * 54 + [1] * 6},
            "at least 5 groups of each class, 'cat' has 1",
        ),
    ],
)
def test_split_refuses_what_the_data_does_not_allow(
    made_manifest: Make, protocol: str, columns: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        make_splits(made_manifest(**columns), protocol)


@pytest.mark.parametrize(
    ("shared", "said"),
    [
        (0, "split s: 3 train, 1 validation; no known group is on both sides"),
        (1, "1 group has photos on both sides"),
        (1200, "1,200 groups have photos on both sides, so the accuracy is higher than on new groups"),
    ],
)
def test_describe_says_who_is_on_both_sides(shared: int, said: str) -> None:
    split = Split("s", np.arange(3), np.arange(1), np.arange(0), shared)
    assert said in describe_split(split)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("user", "1,200 users have photos on both sides, so the accuracy is higher than on new users"),
        ("identity", "1,200 identities have photos"),
        ("column person", "1,200 groups have photos"),
    ],
)
def test_describe_names_groups_by_their_kind(kind: str, said: str) -> None:
    split = Split("s", np.arange(3), np.arange(1), np.arange(0), 1200, group_kind=kind)
    assert said in describe_split(split)


def test_describe_does_not_praise_a_split_whose_groups_are_unknown(made_manifest: Make) -> None:
    said = describe_split(make_splits(made_manifest(subject=None), "random")[0])
    assert said.endswith("; groups are unknown, so one person or thing may be on both sides")


# the rows of every second subject and of the one after it are alike: 10 groups of 6 rows, of both classes
ALIKE = [row // 6 for row in range(60)]


def sides_of(manifest: Manifest, split: Split) -> set[tuple[int, int]]:
    parts = (split.train, split.validation, split.test)
    return {(side, group) for side, part in enumerate(parts) for group in manifest.table["alike"].iloc[part]}


@pytest.mark.parametrize(
    ("protocol", "columns"),
    [
        ("random", {}),
        ("subject", {}),
        ("kfold:3", {}),
        ("random", {"subject": None}),
        ("kfold:3", {"subject": None}),
    ],
)
def test_split_keeps_pictures_that_are_alike_on_one_side(
    made_manifest: Make, protocol: str, columns: dict[str, Any]
) -> None:
    manifest = made_manifest(alike=ALIKE, **columns)
    for split in make_splits(manifest, protocol):
        assert len(sides_of(manifest, split)) == split.kept_alike == 10
        assert split.split_alike == 0
        assert "equal and near-equal pictures (10 groups) are kept on one side;" in describe_split(split)


def test_split_keeps_chains_of_subjects_and_alike_pictures_together(made_manifest: Make) -> None:
    # each group is the last photo of a subject with the first two of the next
    alike = [(row + 1) // 3 if row < 12 else None for row in range(60)]
    manifest = made_manifest(alike=alike)
    for split in make_splits(manifest, "kfold:3"):
        test = set(split.test.tolist())
        assert split.shared_groups == split.split_alike == 0
        assert test >= set(range(12)) or not test & set(range(12))


def test_folds_that_came_with_the_data_stay_and_say_what_they_divide(made_manifest: Make) -> None:
    manifest = made_manifest(alike=ALIKE, fold=[row % 5 for row in range(60)], subject=None)
    split = make_splits(manifest, "folds")[0]
    assert set(manifest.table["fold"].iloc[split.test]) == {0}
    assert split.split_alike == 10
    assert "10 groups of such pictures on both sides, as the data came divided" in describe_split(split)


def test_random_without_alike_pictures_is_the_reports(made_manifest: Make) -> None:
    split = make_splits(made_manifest(), "random")[0]
    assert split.validation.tolist() == [3, 5, 6, 7, 21, 29, 30, 37, 43, 49, 51, 57]


def test_split_refuses_too_few_groups_of_alike_pictures(made_manifest: Make) -> None:
    alike = [min(row // 6, 4) for row in range(60)]
    with pytest.raises(InputError, match="at least 6 groups of pictures of each class, 'cat' has 5"):
        make_splits(made_manifest(alike=alike), "kfold:6")


def test_describe_counts_the_test_part(made_manifest: Make) -> None:
    assert ", 12 test;" in describe_split(make_splits(made_manifest(), "folds")[0])


def test_group_is_the_name_and_subject_an_alias(made_manifest: Make) -> None:
    (group,), (subject,) = (make_splits(made_manifest(), name) for name in ("group", "subject"))
    np.testing.assert_array_equal(group.train, subject.train)
    assert describe_split(group).startswith("split group: ")


@pytest.mark.parametrize("kind", ["user", "photo"])
@pytest.mark.parametrize("protocol", ["group", "folds", "kfold:3"])
def test_split_keeps_adience_groups_on_one_side(made_manifest: Make, kind: str, protocol: str) -> None:
    manifest = made_manifest(
        subject=[f"u{row // 6}/{row % 6}" for row in range(60)],  # a face a row, three on a photograph
        path=[f"aligned/x/landmark_aligned_face.{row % 6}.{row // 3}.jpg" for row in range(60)],
        fold=[row // 6 % 5 for row in range(60)],
        label=[row // 3 % 2 for row in range(60)],
    )
    manifest = replace(manifest, group_kind=kind)
    groups = groups_of(manifest.table, kind)
    for split in make_splits(manifest, protocol):
        assert not set(groups.iloc[split.train]) & set(groups.iloc[split.validation])
        assert split.name.endswith(f"-{kind}")
        assert split.groups_known


def test_given_is_as_the_data_came(made_manifest: Make) -> None:
    parts = (["train"] * 3 + ["validation", "test"]) * 12
    (split,) = make_splits(made_manifest(partition=parts), "given")
    assert (split.name, split.train.size, split.validation.size, split.test.size) == ("given", 36, 12, 12)
    assert {parts[row] for row in split.test} == {"test"}


def test_given_without_validation_cuts_it_from_the_training_part(made_manifest: Make) -> None:
    (split,) = make_splits(made_manifest(partition=["train"] * 48 + ["test"] * 12), "given")
    assert (split.train.size + split.validation.size, split.test.tolist()) == (48, list(range(48, 60)))
    assert split.shared_groups == 0


def test_given_of_celeba_is_its_folds(made_manifest: Make) -> None:
    (split,) = make_splits(made_manifest(source="celeba", fold=[0, 0, 0, 1, 2] * 12), "given")
    assert (split.train.size, split.validation.size, split.test.size) == (36, 12, 12)


@pytest.mark.parametrize("parts", [None, "train", ["train", "validation", None] * 20])
def test_given_refuses_data_that_came_without(made_manifest: Make, parts: Any) -> None:
    with pytest.raises(
        InputError, match="the split given needs data that came with a part train and another"
    ):
        make_splits(made_manifest(partition=parts), "given")


@pytest.mark.parametrize("protocol", ["random", "group"])
def test_rows_given_for_testing_are_not_trained_on(made_manifest: Make, protocol: str) -> None:
    (split,) = make_splits(made_manifest(partition=["train"] * 48 + ["test"] * 12), protocol)
    assert split.test.tolist() == list(range(48, 60))
    assert split.train.size + split.validation.size == 48


@pytest.mark.parametrize("protocol", ["folds", "kfold:3"])
def test_folds_refuse_rows_that_are_given_for_testing(made_manifest: Make, protocol: str) -> None:
    with pytest.raises(InputError, match=f"the split {protocol} would train on the 12 rows that the data"):
        make_splits(made_manifest(partition=["train"] * 48 + ["test"] * 12), protocol)


def test_pretraining_takes_the_given_parts(made_manifest: Make) -> None:
    parts = (["train"] * 3 + ["validation", "test"]) * 12
    (split,) = make_splits(made_manifest(partition=parts), "pretraining")
    assert (split.name, split.train.size, split.validation.size) == ("pretraining", 36, 12)


@pytest.mark.parametrize(("protocol", "said"), [("random", True), ("given", False)])
def test_describe_says_where_the_given_parts_are_mixed(
    made_manifest: Make, protocol: str, said: bool
) -> None:
    parts = (["train"] * 3 + ["validation", "test"]) * 12
    (split,) = make_splits(made_manifest(partition=parts), protocol)
    assert ("are mixed (--split given keeps them)" in describe_split(split)) is said

"""The problem: what the data decides by itself, and what all trials of a study share."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import InputError
from search.study.descriptions import weights_in_words
from search.study.setup import Problem
from tests.search.makers import make_manifest, make_problem
from trainables.features.images import Reading
from trainables.trial import TrialConfig


@pytest.mark.parametrize(
    ("source", "weights"), [("folder", "imagenet"), ("adience", "imagenet"), ("sample", "none")]
)
def test_weights_by_default(tmp_path: Path, source: str, weights: str) -> None:
    assert Problem.of(make_manifest(tmp_path, source=source), "random", None, "jax").weights == weights


@pytest.mark.parametrize("weights", ["imagenet", "none"])
def test_weights_given_for_drawings_are_taken(tmp_path: Path, weights: str) -> None:
    assert make_problem(tmp_path, weights=weights, source="sample").weights == weights


def test_weights_file_is_absolute_and_known_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.h5").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    problem = make_problem(tmp_path, weights="w.h5")
    identity = f"file:{hashlib.sha256(b'weights').hexdigest()[:32]}"
    assert problem.weights == str(tmp_path / "w.h5")
    assert problem.facts().weights == identity
    assert problem.trial(TrialConfig(), "random").weights == identity


def test_weights_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"imagenet, none or a file that can be read, received 'none\.h5'"):
        make_problem(tmp_path, weights="none.h5")


@pytest.mark.parametrize(
    ("backbone", "weights"),
    [("resnet50_v2", "none"), ("inception_v3", "none"), ("keras:MobileNetV2", "none"), ("hassner", "")],
)
def test_trial_names_the_weights_that_its_backbone_reads(tmp_path: Path, backbone: str, weights: str) -> None:
    assert make_problem(tmp_path).trial(TrialConfig(backbone=backbone), "random").weights == weights


def test_backbones_side_by_side_read_images_of_one_size(tmp_path: Path) -> None:
    problem, config = make_problem(tmp_path), TrialConfig(backbone="inception_v3+resnet50_v2")
    assert problem.trial(replace(config, input_px=224), "random").weights == "none"
    with pytest.raises(InputError, match="inception_v3 299 pixels, resnet50_v2 224 pixels; give all of them"):
        problem.trial(config, "random")


def test_trial_of_a_backbone_without_weights_is_the_same_whatever_they_are(tmp_path: Path) -> None:
    config = TrialConfig(backbone="hassner")
    one, other = (make_problem(tmp_path, weights=weights) for weights in ("none", "imagenet"))
    assert one.trial(config, "random").key == other.trial(config, "random").key


def test_trial_carries_data_split_and_backend(tmp_path: Path) -> None:
    problem = make_problem(tmp_path)
    trial = problem.trial(TrialConfig(), "random")
    assert (trial.data_digest, trial.split) == (problem.manifest.digest, "random")
    assert trial.keras_backend == "tensorflow"


def test_facts(tmp_path: Path) -> None:
    problem = make_problem(tmp_path, "folds", source="adience")
    assert problem.facts().to_dict() == {
        "data_digest": problem.manifest.digest,
        "class_names": ["cat", "dog"],
        "group_kind": "",
        "source": "adience",
        "images": 80,
        "labels": {"0": 40, "1": 40},
        "subjects": 40,
        "split": "folds",
        "weights": "none",
        "keras_backend": "tensorflow",
        "feature_precision": None,
        "resize": None,
        "image_backend": None,
    }


def test_precision_of_features_is_a_fact_and_part_of_the_trials_that_read_them(tmp_path: Path) -> None:
    exact = make_problem(tmp_path)
    near = replace(exact, feature_precision="bfloat16")
    assert near.facts().feature_precision == "bfloat16"
    assert near.trial(TrialConfig(), "random").weights == "none in bfloat16"
    assert near.trial(TrialConfig(), "random").key != exact.trial(TrialConfig(), "random").key
    for reads_images in (TrialConfig(backbone="hassner"), TrialConfig(unfrozen_blocks=1)):
        assert near.trial(reads_images, "random") == exact.trial(reads_images, "random")


@pytest.mark.parametrize(
    ("weights", "precision", "words"),
    [
        ("imagenet", "float32", "ImageNet weights"),
        ("none", "bfloat16", "random weights, features in bfloat16"),
        ("/a/w.h5", "bfloat16", "weights of w.h5, features in bfloat16"),
    ],
)
def test_weights_in_words_name_the_precision_where_it_is_not_float32(
    weights: str, precision: str, words: str
) -> None:
    assert weights_in_words(weights, precision) == words


@pytest.mark.parametrize(
    ("source", "statistics"),
    [("adience", "momentum"), ("celeba", "momentum"), ("sample", "momentum"), ("folder", "exact")],
)
def test_statistics_are_the_reports_for_its_data_and_exact_for_other(
    tmp_path: Path, source: str, statistics: str
) -> None:
    assert make_problem(tmp_path, source=source).bn_statistics == statistics


def test_labels_are_those_of_the_rows(tmp_path: Path) -> None:
    problem = make_problem(tmp_path)
    assert problem.labels.dtype == np.int16
    assert problem.labels.tolist() == problem.manifest.table["label"].tolist()


@pytest.mark.parametrize("protocol", ["random", "subject"])
def test_final_splits_of_a_protocol_without_test_part(tmp_path: Path, protocol: str) -> None:
    assert make_problem(tmp_path, protocol).final_splits == ()


@pytest.mark.parametrize("protocol", ["folds", "kfold:3"])
def test_final_splits_train_on_all_but_the_test_part(tmp_path: Path, protocol: str) -> None:
    problem = make_problem(tmp_path, protocol)
    assert len(problem.final_splits) == len(problem.splits)
    for split, final in zip(problem.splits, problem.final_splits, strict=True):
        assert final.name == f"{split.name}-test"
        assert final.train.tolist() == sorted([*split.train, *split.validation])
        assert final.validation.tolist() == split.test.tolist()
        assert final.test.size == 0


def test_final_splits_read_every_row_once(tmp_path: Path) -> None:
    final = make_problem(tmp_path, "folds").final_splits
    assert sorted(np.concatenate([split.validation for split in final])) == list(range(80))


def test_problem_refuses_an_unknown_protocol(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a split must be one of random, .*, received 'rnadom'"):
        make_problem(tmp_path, "rnadom")


def test_resize_by_nearest_is_a_fact_and_part_of_every_trials_key(tmp_path: Path) -> None:
    usual = make_problem(tmp_path)
    nearest = replace(usual, resize="nearest")
    assert (usual.facts().resize, nearest.facts().resize) == (None, "nearest")
    for backbone in ("resnet50_v2", "hassner"):
        config = TrialConfig(backbone=backbone)
        assert usual.trial(config, "random").key != nearest.trial(config, "random").key


@pytest.mark.parametrize(("mode", "deep"), [("RGB", False), ("I;16", True), ("F", True), (None, False)])
def test_reading_knows_of_deep_greys_from_the_manifest(tmp_path: Path, mode: str | None, deep: bool) -> None:
    assert make_problem(tmp_path, mode=mode).reading == Reading(deep_greys=deep)

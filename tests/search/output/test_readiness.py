"""What a dry run says of storage, weights and photographs, without touching them."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.options.parser import parse_options
from search.output.readiness import readiness
from search.study.setup import Problem
from tests.search.makers import make_problem, write_small_manifest
from trainables.backbones.table import find_backbone
from trainables.backbones.weights import is_downloaded
from trainables.trial import TrialConfig


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    write_small_manifest(tmp_path / "data")
    return make_problem(tmp_path / "data")


def said_of(problem: Problem, folder: Path, cache: Path, weights: str = "none") -> dict[str, str]:
    options = parse_options(["--stage", "lr", "--cache", str(cache), "--weights", weights])
    return readiness(options, problem, [problem.trial(TrialConfig(), "random")], folder)


def test_storage_is_tried_and_left_as_it_was(problem: Problem, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    said = said_of(problem, tmp_path / "results" / "new", tmp_path / "cache")
    assert said["storage"] == f"{tmp_path} is writable"
    assert sorted(tmp_path.rglob("*")) == before


def test_storage_that_is_no_folder_is_said(problem: Problem, tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    said = said_of(problem, tmp_path / "results" / "new", tmp_path / "cache")
    assert (
        said["storage"] == f"{tmp_path / 'results'} is NOT writable (Not a directory); give another --storage"
    )


def test_photographs_that_are_gone_are_counted(problem: Problem, tmp_path: Path) -> None:
    gone = problem.manifest.image_paths()[7]
    assert said_of(problem, tmp_path, tmp_path / "c")["photographs"].endswith("were checked, all are there")
    gone.unlink()
    assert said_of(problem, tmp_path, tmp_path / "c")["photographs"] == (
        f"1 of 80 that were checked are MISSING, the first is {gone}; "
        "bring them back, or build the manifest again"
    )


def test_weights_of_a_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.weights.h5"
    file.write_bytes(b"weights")
    write_small_manifest(tmp_path / "data")
    problem = make_problem(tmp_path / "data", weights=str(file))
    said = said_of(problem, tmp_path, tmp_path / "c", str(file))
    assert said["weights"] == f"{file} can be read; whether it fits is known once it is loaded"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5", "all are on this machine"),
        ("resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", "those of resnet50_v2 are downloaded first"),
        ("resnet50v2_weights_tf_dim_ordering_tf_kernels.h5", "those of resnet50_v2 are downloaded first"),
    ],
)
def test_weights_of_imagenet_are_looked_for_where_keras_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, words: str
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    (tmp_path / "keras" / "models" / file).touch()
    write_small_manifest(tmp_path / "data")
    problem = make_problem(tmp_path / "data", weights="imagenet")
    options = parse_options(["--stage", "lr", "--cache", str(tmp_path / "cache")])
    trial = problem.trial(TrialConfig(backbone="resnet50_v2"), "random")
    assert readiness(options, problem, [trial], tmp_path)["weights"] == f"ImageNet's, {words}"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("keras:MobileNetV2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"),
        ("keras:NASNetMobile", "nasnet_mobile_no_top.h5"),
        ("keras:MobileNet", "mobilenet_1_0_224_tf_no_top.h5"),
        ("keras:MobileNetV3Large", "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5"),
        ("keras:EfficientNetV2B0", "efficientnetv2-b0_notop.h5"),
        ("inception_v3", "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ],
)
def test_names_of_weight_files_are_those_of_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    assert not is_downloaded(find_backbone(name))
    (tmp_path / "models" / file).touch()
    assert is_downloaded(find_backbone(name))

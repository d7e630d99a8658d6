"""Baselines of a search are made once, from the cached features, and say what its result is worth."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import InputError
from search.space.stages import STAGES
from search.statistics.baselines import NO_GAIN
from search.strategies.baselines import Baselines
from search.strategies.decision import decide
from search.strategies.staged import StagePlan
from search.strategies.trial_runs import TrialRuns
from search.study.comparison import each_once
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import StageResult
from tests.search.makers import FakeTrainer, make_problem
from trainables.features.cache import feature_key, join_shards, remember_weights, write_shard
from trainables.features.inputs import find_rows, rows_of_pictures
from trainables.trial import TrialConfig

BACKBONE = TrialConfig.backbone


def write_features(problem: Problem, cache: Path) -> None:
    """Writes features of the default backbone into `cache` that tell the classes apart."""
    backbone, digests = find_rows(rows_of_pictures(BACKBONE, problem.reading)), problem.manifest.image_digests
    remember_weights(cache, backbone, problem.weights, "0123")
    key = feature_key(cache, backbone, problem.weights, digests)
    assert key
    rng = np.random.default_rng(7)
    features = (rng.normal(size=(len(digests), 8)) + 3 * problem.labels[:, None]).astype(np.float32)
    key.folder(cache).mkdir(parents=True)
    write_shard(key.folder(cache), range(len(digests)), features)
    join_shards(key.folder(cache), key, {})


def result_of(problem: Problem, ledger: Ledger, accuracy: float, seeds: int = 3) -> StageResult:
    """Returns a stage whose runs have that accuracy, but for little that differs by the seed."""
    plan = StagePlan(STAGES["lr"], TrialConfig(epochs=2), {}, problem, tuple(range(7, 7 + seeds)))
    trainer = FakeTrainer(problem, ledger, lambda trial: accuracy + trial.config.seed / 10_000)
    runs = TrialRuns(ledger, trainer, problem)
    runs.of(each_once(plan.candidates()))
    kind = partial(StageResult, stage="lr", hyperparameter="learning_rate")
    return decide(plan, plan.candidates(), runs, kind=kind)


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return make_problem(tmp_path)


def baselines_of(problem: Problem, folder: Path) -> Baselines:
    return Baselines(problem, Ledger(folder), folder / "cache")


def test_a_result_has_the_constant_answer_and_a_linear_classifier(problem: Problem, tmp_path: Path) -> None:
    write_features(problem, tmp_path / "cache")
    result = baselines_of(problem, tmp_path).beside(result_of(problem, Ledger(tmp_path), 0.6))
    constant, linear = result.baselines
    assert constant.title == f"always {problem.manifest.class_names[0]}"
    assert constant.accuracies == {"random": 0.5}
    assert (linear.name, linear.backbone) == ("linear", BACKBONE)
    assert linear.mean > 0.9
    assert "is not better than that of a linear classifier on the same features" in result.statement


def test_without_features_there_is_the_constant_answer_alone(problem: Problem, tmp_path: Path) -> None:
    (constant,) = baselines_of(problem, tmp_path).of([BACKBONE, "hassner"], problem.splits)
    assert constant.name == "constant"


def test_features_that_are_gone_are_made_again(problem: Problem, tmp_path: Path) -> None:
    cache, made = tmp_path / "cache", list[str]()

    def make(backbone: str) -> None:
        made.append(backbone)
        write_features(problem, cache)

    found = Baselines(problem, Ledger(tmp_path), cache, make).of([BACKBONE, "hassner"], problem.splits)
    assert [each.name for each in found] == ["constant", "linear"]
    assert made == [BACKBONE]


def test_features_of_pictures_that_are_read_otherwise_are_no_baseline(
    problem: Problem, tmp_path: Path
) -> None:
    write_features(problem, tmp_path / "cache")
    nearest = replace(problem, resize="nearest")
    (constant,) = baselines_of(nearest, tmp_path).of_study(BACKBONE)
    assert constant.name == "constant"


def test_features_of_pictures_that_are_read_otherwise_make_their_own_baseline(
    problem: Problem, tmp_path: Path
) -> None:
    nearest = replace(problem, resize="nearest")
    write_features(nearest, tmp_path / "cache")
    _, linear = baselines_of(nearest, tmp_path).of_study(BACKBONE)
    assert linear.mean > 0.9


def test_baselines_are_fitted_once_and_kept_in_the_study(problem: Problem, tmp_path: Path) -> None:
    write_features(problem, tmp_path / "cache")
    first = baselines_of(problem, tmp_path).of_study(BACKBONE)
    (path,) = (tmp_path / "baselines").iterdir()
    # nothing is read from a cache that is not there
    assert Baselines(problem, Ledger(tmp_path), tmp_path / "gone").of_study(BACKBONE) == first
    path.write_text("{}")
    with pytest.raises(InputError, match="remove it, the next run writes it again"):
        baselines_of(problem, tmp_path).of_study(BACKBONE)


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.5, NO_GAIN), (0.45, NO_GAIN), (0.9, "equivalent")])
def test_a_value_no_better_than_the_constant_answer_wins_nothing(
    problem: Problem, tmp_path: Path, accuracy: float, verdict: str
) -> None:
    single = 1 if verdict == NO_GAIN else 6
    found = result_of(problem, Ledger(tmp_path), accuracy - 0.0007, seeds=single)
    result = baselines_of(problem, tmp_path).beside(found)
    assert result.verdict == verdict
    assert result.statement.startswith("no winner: no value is better than always") is (verdict == NO_GAIN)
    assert result.winner == found.winner  # the stages that follow need some value

"""The linear classifier as the final model: where the head is not better, in a file like a head's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_prep.splits import Split
from data_prep.storage.json_files import write_json
from search.finetune.columns import LINEAR, earlier_column
from search.finetune.linear_head import LinearFit, with_linear
from search.finetune.plan import FinetunePlan
from search.finetune.runs import run_finetune
from search.statistics.baselines import CONSTANT, Baseline
from search.statistics.linear_classifier import linear_classifier
from search.study.finetune_result import FinetuneResult
from search.study.layout import Layout
from search.study.ledger import Ledger
from tests.search.finetune.test_runs import FakeWorkers
from trainables.training.state_file import read_state
from trainables.trial import LAST

MakePlan = Callable[..., FinetunePlan]


def baselines(accuracy: float) -> tuple[Baseline, ...]:
    both = ((CONSTANT, "", 0.5), (LINEAR, "resnet50_v2", accuracy))
    return tuple(
        Baseline(
            name=name, title=name, backbone=backbone, accuracies={"random": value}, balanced={"random": value}
        )
        for name, backbone, value in both
    )


def found(plan: FinetunePlan, study: Path, accuracy: float) -> FinetuneResult:
    """Returns what fine-tuning found where a linear classifier has that accuracy, and the best head 0.9."""
    ledger = Ledger(study)
    rng = np.random.default_rng(3)
    labels = plan.problem.labels.astype(np.int64)
    features = (rng.normal(size=(80, 6)) + 2 * labels[:, None]).astype(np.float32)

    def fit(backbone: str, split: Split) -> LinearFit:
        model = linear_classifier(features[split.train], labels[split.train], seed=7)
        train, validation = (
            model.probabilities_of(features[rows]) for rows in (split.train, split.validation)
        )
        return LinearFit(classifier=model, train=train, validation=validation)

    result = run_finetune(plan, ledger, FakeWorkers(study), lambda backbone: baselines(accuracy))
    return with_linear(result, plan, ledger, fit)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tmp_path / "study"


def test_linear_classifier_wins_where_the_head_is_not_better(make_plan: MakePlan, study: Path) -> None:
    plan = make_plan()
    result = found(plan, study, 0.95)
    assert result.winner == LINEAR
    assert result.statement.endswith("; the linear classifier is the final model")
    column = result.column(LINEAR)
    assert column is not None
    assert (column.title, column.config["hidden_units"], column.start) == ("linear classifier", [], LINEAR)
    assert column.figures["val_accuracy"][0] > 0.8  # type: ignore[operator]
    assert result.breakdown is not None


def test_head_that_is_better_stays(make_plan: MakePlan, study: Path) -> None:
    result = found(make_plan(seeds=(7, 8, 9, 10, 11, 12, 13)), study, 0.6)
    assert result.winner == "pretrained"
    assert result.statement.endswith("; the head is the final model")
    assert result.column(LINEAR) is None


def test_weights_are_those_of_a_head_without_hidden_units(make_plan: MakePlan, study: Path) -> None:
    plan = make_plan()
    found(plan, study, 0.95)
    (run,) = plan.linear_column().runs
    facts, (kernel, bias) = read_state(Layout(study).weights / run.key / LAST)
    assert facts == {"classes": 2}
    assert (kernel.shape, bias.shape, kernel.dtype) == ((6, 1), (1,), np.float32)


def test_runs_stand_in_the_ledger_with_their_probabilities(make_plan: MakePlan, study: Path) -> None:
    plan = make_plan()
    found(plan, study, 0.95)
    (run,) = plan.linear_column().runs
    result = Ledger(study).find(run)
    assert result is not None
    assert len(Ledger(study).predictions(run)) == len(plan.problem.splits[0].validation)
    assert result.epochs[-1].val_accuracy > 0.8


def test_data_without_features_keeps_the_head(make_plan: MakePlan, study: Path) -> None:
    plan = make_plan()
    result = run_finetune(plan, Ledger(study), FakeWorkers(study), lambda backbone: baselines(0.95))
    assert with_linear(result, plan, Ledger(study), lambda backbone, split: None) == result
    none = replace(result, baselines=())
    assert with_linear(none, plan, Ledger(study), lambda backbone, split: None) == none


def test_linear_classifier_is_no_earlier_model_to_be_trained_again(make_plan: MakePlan, study: Path) -> None:
    plan = make_plan()
    write_json(Layout(study).finetune, found(plan, study, 0.95).to_dict())
    Layout(study).model.parent.mkdir()
    Layout(study).model.write_bytes(b"")
    assert earlier_column(plan.problem, study, plan.seeds) is None
